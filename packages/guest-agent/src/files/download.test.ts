import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { constants, openSync, readdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { fuzz } from "../testing/fuzz.ts";
import { type RawAnswer, rawRequest } from "../testing/http-request.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const local = (path: string) => join(fixture.root, path);
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));

function url(path: string, query: Record<string, string> = {}): string {
  return `${fixture.url}/files?${new URLSearchParams({ path, ...query })}`;
}

function get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<RawAnswer> {
  return rawRequest(url(path), { method, headers });
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

describe("GET /files", () => {
  it("sends the exact bytes, their number, name and version", async () => {
    writeFileSync(local("ä '(b).bin"), BYTES);
    utimesSync(local("ä '(b).bin"), 0, 1_700_000_000.25);
    const { status, headers, body } = await get("ä '(b).bin");
    expect(status).toBe(200);
    expect(body.equals(BYTES)).toBe(true);
    expect(headers).toMatchObject({
      "content-length": "300000",
      "content-type": "application/octet-stream",
      "content-disposition": "inline; filename*=UTF-8''%C3%A4%20%27%28b%29.bin",
      "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT",
      etag: expect.stringMatching(/^"[^"]+"$/),
      "accept-ranges": "bytes",
    });
  });

  it("sends an empty file with its length", async () => {
    writeFileSync(local("empty"), "");
    expect(await get("empty", { "accept-encoding": "gzip" })).toMatchObject({
      status: 200,
      headers: { "content-length": "0" },
      body: Buffer.alloc(0),
    });
  });

  it("sends files that say they are empty, or longer than they are, to their end", async () => {
    const status = await get("/proc/self/status");
    expect(status.body.toString()).toContain("Name:");
    expect(status.headers["content-length"]).toBe(String(status.body.length));
    expect(status.headers["etag"]).toBeUndefined();
    const uevents = await get("/sys/kernel/uevent_seqnum");
    expect(uevents.body.toString()).toMatch(/^\d+\n$/);
  });

  it("sends a file of /proc that is longer than what is read at once", async () => {
    const { status, headers, body } = await get("/proc/self/smaps", { range: "bytes=0-0" });
    expect(status).toBe(200);
    expect(headers["transfer-encoding"]).toBe("chunked");
    expect(body.length).toBeGreaterThan(64 * 1024);
    expect(body.toString()).toMatch(/VmFlags:.*\n$/);
  });

  it("answers HEAD with the headers alone", async () => {
    writeFileSync(local("file"), BYTES);
    const { status, headers, body } = await get("file", {}, "HEAD");
    expect([status, headers["content-length"], body.length]).toEqual([200, "300000", 0]);
    expect((await get("missing", {}, "HEAD")).status).toBe(404);
  });

  it("follows symbolic links", async () => {
    writeFileSync(local("file"), "x");
    symlinkSync("file", local("link"));
    expect((await get("link")).body.toString()).toBe("x");
  });

  it("compresses for those who ask for it", async () => {
    writeFileSync(local("file"), BYTES);
    const { headers, body } = await get("file", { "accept-encoding": "gzip" });
    expect(headers).toMatchObject({
      "content-encoding": "gzip",
      etag: expect.stringMatching(/^W\//),
      vary: "accept-encoding",
    });
    expect(headers["content-length"]).toBeUndefined();
    expect(gunzipSync(body).equals(BYTES)).toBe(true);
  });

  it.each(["small", "large"])("sends parts of a %s file", async (size) => {
    const bytes = size === "small" ? BYTES.subarray(0, 1000) : BYTES;
    writeFileSync(local("file"), bytes);
    const middle = await get("file", { range: "bytes=10-509" });
    expect(middle).toMatchObject({ status: 206, headers: { "content-length": "500" } });
    expect(middle.headers["content-range"]).toBe(`bytes 10-509/${bytes.length}`);
    expect(middle.body.equals(bytes.subarray(10, 510))).toBe(true);
    const last = await get("file", { range: "bytes=-7" });
    expect(last.body.equals(bytes.subarray(-7))).toBe(true);
    const behind = await get("file", { range: `bytes=${bytes.length}-` });
    expect(behind).toMatchObject({ status: 416, headers: { "content-range": `bytes */${bytes.length}` } });
    expect(JSON.parse(behind.body.toString())).toEqual({
      code: 416,
      message: `the file has only ${bytes.length} bytes`,
    });
  });

  it("is asked again only for what has changed", async () => {
    writeFileSync(local("file"), "one");
    const { headers } = await get("file");
    const known = { "if-none-match": String(headers["etag"]) };
    expect(await get("file", known)).toMatchObject({ status: 304, body: Buffer.alloc(0) });
    expect((await get("file", { "if-modified-since": String(headers["last-modified"]) })).status).toBe(304);
    writeFileSync(local("file"), "other");
    expect(await get("file", known)).toMatchObject({ status: 200, body: Buffer.from("other") });
  });

  it("refuses what it cannot encode", async () => {
    writeFileSync(local("file"), "x");
    const { status, body } = await get("file", { "accept-encoding": "br, identity;q=0" });
    expect([status, JSON.parse(body.toString()).code]).toEqual([406, 406]);
  });

  it("cuts the connection when the file becomes shorter while it is read", async () => {
    writeFileSync(local("file"), "");
    truncateSync(local("file"), 512 * 1024 * 1024);
    const [response] = (await once(request(url("file")).end(), "response")) as [IncomingMessage];
    truncateSync(local("file"), 70_000);
    await expect(async () => {
      for await (const _ of response);
    }).rejects.toThrow("aborted");
  });

  it("closes the file when the client goes away", async () => {
    writeFileSync(local("file"), "");
    truncateSync(local("file"), 512 * 1024 * 1024);
    const before = openDescriptors();
    const [response] = (await once(request(url("file"), { agent: false }).end(), "response")) as [IncomingMessage];
    response.destroy();
    await vi.waitUntil(() => openDescriptors() <= before);
  });

  it("keeps no file open", async () => {
    writeFileSync(local("small"), "x");
    writeFileSync(local("large"), BYTES);
    await get("small");
    const before = openDescriptors();
    for (const path of ["small", "large", "missing", "etc", "/proc/self/status"]) {
      await get(path);
      await get(path, {}, "HEAD");
      await get(path, { range: "bytes=0-0" });
    }
    await vi.waitUntil(() => openDescriptors() <= before);
  });
});

describe("what cannot be downloaded", () => {
  it.each([
    ["no path", "", 400],
    ["a missing file", "missing", 404],
    ["a directory", "etc", 400],
    ["a path through a file", "etc/passwd/x", 400],
    ["a device", "/dev/zero", 400],
    ["a FIFO", "fifo", 400],
    ["a socket", "socket", 400],
    ["a symbolic link to nothing", "broken", 404],
    ["a symbolic link to itself", "loop", 400],
    ["a path with NUL", "a\0b", 400],
    ["a path of 4096 bytes", "x/".repeat(2048), 400],
    ["a name of 256 bytes", "x".repeat(256), 400],
  ])("refuses %s", async (_what, path, status) => {
    execFileSync("mkfifo", [local("fifo")]);
    symlinkSync("loop", local("loop"));
    symlinkSync("nothing", local("broken"));
    const listener = createServer().listen(local("socket"));
    await once(listener, "listening");
    const response = await get(path);
    listener.close();
    expect(response.status).toBe(status);
    expect(JSON.parse(response.body.toString())).toEqual({ code: status, message: expect.any(String) });
  });

  it("does not open a FIFO: its writer goes on waiting for a reader", async () => {
    execFileSync("mkfifo", [local("fifo")]);
    const noReader = (): unknown => openSync(local("fifo"), constants.O_WRONLY | constants.O_NONBLOCK);
    expect(noReader).toThrow("ENXIO");
    const answers = await Promise.all(Array.from({ length: 20 }, () => get("fifo")));
    expect(answers.every(({ status }) => status === 400)).toBe(true);
    expect(noReader).toThrow("ENXIO");
  });

  it("does not know an unknown user", async () => {
    writeFileSync(local("file"), "x");
    expect((await rawRequest(url("file", { username: "nobody-here" }))).status).toBe(401);
    expect((await rawRequest(url("file", { username: "root" }))).status).toBe(200);
  });

  it(
    "answers any query",
    fuzz(300, async (random) => {
      const pieces = [
        "path",
        "=",
        "&",
        "username",
        "..",
        "/",
        "%2f",
        "%00",
        "%ff",
        "%",
        "+",
        "~",
        "etc",
        "signature",
        "\u00e4",
      ];
      const { status } = await rawRequest(`${fixture.url}/files?${encodeURI(random.join(pieces, 12))}`);
      expect([200, 400, 401, 404]).toContain(status);
    }),
  );
});
