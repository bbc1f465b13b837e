import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

function filesUrl(path: string | undefined, username?: string): string {
  const query = new URLSearchParams();
  if (path !== undefined) query.set("path", path);
  if (username !== undefined) query.set("username", username);
  return `${fixture.url}/files?${query}`;
}

function upload(
  path: string,
  body: NonNullable<RequestInit["body"]>,
  username?: string,
  type = "application/octet-stream",
): Promise<Response> {
  return fetch(filesUrl(path, username), { method: "POST", body, headers: { "content-type": type } });
}

const local = (path: string) => join(fixture.root, path);

describe("GET /files", () => {
  it("sends the exact bytes and their number", async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    writeFileSync(local("ä b.bin"), bytes);
    const response = await fetch(filesUrl("ä b.bin"));
    expect(response.headers.get("content-length")).toBe("300000");
    expect(response.headers.get("content-disposition")).toBe("inline; filename*=UTF-8''%C3%A4%20b.bin");
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("sends an empty file, and files of /proc that only look empty", async () => {
    writeFileSync(local("empty"), "");
    expect(await (await fetch(filesUrl("empty"))).text()).toBe("");
    expect(await (await fetch(filesUrl("/proc/self/status"))).text()).toContain("Name:");
  });

  it.each([
    ["no path", undefined, 400],
    ["a missing file", "missing", 404],
    ["a directory", "etc", 400],
    ["a path through a file", "etc/passwd/x", 400],
    ["a device", "/dev/zero", 400],
    ["a FIFO", "fifo", 400],
  ])("refuses %s", async (_what, path, status) => {
    execFileSync("mkfifo", [local("fifo")]);
    const response = await fetch(filesUrl(path));
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ code: status, message: expect.any(String) });
  });

  it("refuses an unknown user", async () => {
    expect((await fetch(filesUrl("x", "nobody-here"))).status).toBe(400);
  });
});

describe("POST /files", () => {
  it("writes the exact bytes, makes missing folders, and says what it wrote", async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 253));
    const response = await upload("new/deep/file.bin", bytes);
    expect(await response.json()).toEqual([{ path: local("new/deep/file.bin"), name: "file.bin", type: "file" }]);
    expect(readFileSync(local("new/deep/file.bin")).equals(bytes)).toBe(true);
    expect(readdirSync(local("new/deep"))).toEqual(["file.bin"]);
  });

  it("replaces a file and keeps its mode", async () => {
    writeFileSync(local("script"), "old");
    chmodSync(local("script"), 0o751);
    await upload("script", "new");
    expect(readFileSync(local("script"), "utf8")).toBe("new");
    expect(statSync(local("script")).mode & 0o777).toBe(0o751);
  });

  it("writes through a symbolic link", async () => {
    writeFileSync(local("target"), "old");
    symlinkSync("target", local("link"));
    await upload("link", "new");
    expect(readFileSync(local("target"), "utf8")).toBe("new");
  });

  it("leaves the old file when the client goes away half way", async () => {
    mkdirSync(local("d"));
    writeFileSync(local("d/file"), "old");
    const outgoing = request(filesUrl("d/file"), { method: "POST" }).on("error", () => {});
    outgoing.write("half");
    await vi.waitUntil(() => readdirSync(local("d")).length === 2);
    outgoing.destroy();
    await vi.waitUntil(() => readdirSync(local("d")).length === 1);
    expect(readFileSync(local("d/file"), "utf8")).toBe("old");
  });

  it.each([
    ["a directory", "etc", 400],
    ["a path through a file", "etc/passwd/x", 400],
    ["a device", "/dev/null", 400],
    ["a name that is too long", "x".repeat(300), 400],
  ])("refuses %s", async (_what, path, status) => {
    expect((await upload(path, "x")).status).toBe(status);
  });

  it("refuses other content types", async () => {
    expect((await upload("x", "x", undefined, "multipart/form-data; boundary=x")).status).toBe(415);
  });
});
