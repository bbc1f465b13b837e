import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent, TESTER } from "../testing/agent-fixture.ts";
import { filesystemClient } from "../testing/filesystem-client.ts";

let fixture: AgentFixture;
let client: ReturnType<typeof filesystemClient>;
beforeEach(async () => {
  fixture = await startAgent();
  chmodSync(fixture.root, 0o755);
  client = filesystemClient(fixture.url, { user: TESTER.name });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const local = (path: string) => join(fixture.root, path);

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return call.then(
    () => "ok" as const,
    (error: unknown) => ConnectError.from(error).code,
  );
}

describe("a user", () => {
  beforeEach(() => {
    chownSync(local("home"), TESTER.uid, TESTER.gid);
    mkdirSync(local("closed/inner"), { recursive: true });
    chmodSync(local("closed"), 0o700);
  });

  it("owns what it makes, and is shown by name", async () => {
    const { entry } = await client.makeDir({ path: "a/b" });
    expect(entry).toMatchObject({ path: local("home/a/b"), owner: TESTER.name, group: TESTER.name });
    expect(statSync(local("home/a")).uid).toBe(TESTER.uid);
  });

  it("may do nothing beyond its rights", async () => {
    writeFileSync(local("file"), "");
    const path = local("closed/inner");
    for (const call of [
      client.stat({ path }),
      client.listDir({ path: local("closed") }),
      client.makeDir({ path: local("new") }),
      client.move({ source: local("file"), destination: local("home/file") }),
      client.remove({ path: local("file") }),
      client.remove({ path: local("closed") }),
      client.createWatcher({ path: local("closed") }),
    ]) {
      expect(await codeOf(call)).toBe(Code.PermissionDenied);
    }
    expect(existsSync(local("file")) && existsSync(local("closed/inner"))).toBe(true);
  });

  it("does not get to what the agent has open", async () => {
    const folder = openSync(local("closed"), "r");
    try {
      const path = `/proc/self/fd/${folder}`;
      symlinkSync(path, local("home/link"));
      for (const call of [
        client.stat({ path }),
        client.stat({ path: "link/inner" }),
        client.listDir({ path: "link" }),
        client.listDir({ path: "/proc/self" }),
        client.makeDir({ path: "link/new" }),
        client.move({ source: "link/inner", destination: "inner" }),
        client.remove({ path: "link/inner" }),
        client.createWatcher({ path: "link" }),
      ]) {
        expect(await codeOf(call)).toBe(Code.PermissionDenied);
      }
      const { entry } = await client.stat({ path: "link" });
      expect([entry?.symlinkTarget, entry?.mode]).toEqual([path, 0o777]);
    } finally {
      closeSync(folder);
    }
  });

  it("sees what it may see of a tree", async () => {
    const { entries } = await client.listDir({ path: fixture.root, depth: 5 });
    const paths = entries.map(({ path }) => path);
    expect(paths).toContain(local("closed"));
    expect(paths).not.toContain(local("closed/inner"));
    expect(paths).toContain(local("etc/passwd"));
  });

  it("is not told of folders that are closed to it", async () => {
    const { watcherId } = await client.createWatcher({ path: fixture.root, recursive: true });
    writeFileSync(local("closed/file"), "");
    writeFileSync(local("home/file"), "");
    const names: string[] = [];
    await vi.waitUntil(async () => {
      names.push(...(await client.getWatcherEvents({ watcherId })).events.map(({ name }) => name));
      return names.length > 0;
    });
    expect(names).toEqual(["home/file"]);
    await client.removeWatcher({ watcherId });
  });

  it("leaves the agent what it was", async () => {
    await codeOf(client.listDir({ path: local("closed") }));
    expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0]);
    expect(await codeOf(filesystemClient(fixture.url).listDir({ path: "closed" }))).toBe("ok");
  });
});

it("describes devices, and times that no calendar has", async () => {
  const root = filesystemClient(fixture.url);
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", local("run")]);
  try {
    execFileSync("mknod", [local("run/disk"), "b", "7", "200"]);
    expect((await root.stat({ path: "run/disk" })).entry?.permissions).toMatch(/^Drw/);
    writeFileSync(local("run/file"), "");
    for (const seconds of [1_000_000_000_000, -1_000_000_000_000]) {
      execFileSync("touch", ["-d", `@${seconds}`, local("run/file")]);
      for (const format of ["json", "binary"] as const) {
        const asked = filesystemClient(fixture.url, { format }).stat({ path: "run/file" });
        expect((await asked).entry?.modifiedTime?.seconds).toBe(seconds > 0 ? 253_402_300_799n : -62_135_596_800n);
      }
    }
  } finally {
    execFileSync("umount", [local("run")]);
  }
});

it("is not led astray by folders that become symbolic links while they are removed", async () => {
  const root = filesystemClient(fixture.url);
  mkdirSync(local("precious"));
  for (let index = 0; index < 50; index += 1) writeFileSync(local(`precious/${index}`), "");
  const script =
    'for i in $(seq 0 99); do mv "$1/tree/$i" "$1/away/$i" && ln -s "$1/precious" "$1/tree/$i"; done 2>/dev/null';
  for (let round = 0; round < 5; round += 1) {
    for (let index = 0; index < 100; index += 1) mkdirSync(local(`tree/${index}/inner`), { recursive: true });
    mkdirSync(local("away"));
    const swap = spawn("sh", ["-c", script, "sh", fixture.root]);
    while (!existsSync(local("away/0"))) await new Promise((resolve) => setImmediate(resolve));
    await codeOf(root.remove({ path: "tree" }));
    await once(swap, "close");
    await root.remove({ path: "tree" });
    await root.remove({ path: "away" });
  }
  expect((await root.listDir({ path: "precious" })).entries).toHaveLength(50);
});

it("watches what a bind mount of a folder into itself shows, without end", async () => {
  const root = filesystemClient(fixture.url);
  mkdirSync(local("home/self/inner"), { recursive: true });
  execFileSync("mount", ["--bind", local("home"), local("home/self")]);
  try {
    const { watcherId } = await root.createWatcher({ path: "home", recursive: true });
    writeFileSync(local("home/file"), "x");
    await vi.waitUntil(async () => (await root.getWatcherEvents({ watcherId })).events.length > 0);
    await root.removeWatcher({ watcherId });
  } finally {
    execFileSync("umount", [local("home/self")]);
  }
});
