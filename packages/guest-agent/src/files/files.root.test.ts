import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AgentFixture, startAgent, TESTER } from "../testing/agent-fixture.ts";
import { filesystemClient } from "../testing/filesystem-client.ts";
import { type RawAnswer, rawRequest } from "../testing/http-request.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
  chmodSync(fixture.root, 0o755);
});
afterEach(() => fixture[Symbol.asyncDispose]());

const local = (path: string) => join(fixture.root, path);
const NOBODY = 65_534;

function files(
  path: string,
  username: string,
  body?: Buffer | string,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const url = `${fixture.url}/files?${new URLSearchParams({ path, username })}`;
  return body === undefined ? rawRequest(url) : rawRequest(url, { method: "POST", body, headers });
}
const upload = (path: string, body: Buffer | string = "new", username = TESTER.name) => files(path, username, body);
const download = (path: string) => files(path, TESTER.name);

describe("uploads of a user", () => {
  it("belong to the user with the folders that were made, relative to the user's home", async () => {
    chownSync(local("home"), TESTER.uid, TESTER.gid);
    expect((await upload("a/b/file")).status).toBe(200);
    for (const path of ["home/a", "home/a/b", "home/a/b/file"]) {
      expect(statSync(local(path))).toMatchObject({ uid: TESTER.uid, gid: TESTER.gid });
    }
  });

  it("are not put where the user may not write", async () => {
    expect((await upload("file")).status).toBe(403);
    mkdirSync(local("open"));
    chmodSync(local("open"), 0o777);
    writeFileSync(local("open/foreign"), "old", { mode: 0o644 });
    expect((await upload(local("open/foreign"))).status).toBe(403);
    symlinkSync(local("etc/passwd"), local("open/link"));
    expect((await upload(local("open/link"))).status).toBe(403);
    expect(readdirSync(local("open")).toSorted()).toEqual(["foreign", "link"]);
    expect(readFileSync(local("open/foreign"), "utf8")).toBe("old");
  });

  it("keep owner and mode of the file that they replace, but make no set-uid program", async () => {
    mkdirSync(local("open"));
    chmodSync(local("open"), 0o777);
    writeFileSync(local("open/shared"), "old");
    chownSync(local("open/shared"), NOBODY, TESTER.extraGid);
    chmodSync(local("open/shared"), 0o6775);
    expect((await upload(local("open/shared"))).status).toBe(200);
    const { uid, gid, mode } = statSync(local("open/shared"));
    expect([uid, gid, mode & 0o7777]).toEqual([NOBODY, TESTER.extraGid, 0o775]);
  });

  it("are written over the user's own file where the folder is closed to the user", async () => {
    writeFileSync(local("own"), "old and longer");
    chownSync(local("own"), TESTER.uid, TESTER.gid);
    chmodSync(local("own"), 0o4755);
    const { ino } = statSync(local("own"));
    expect((await upload(local("own"))).status).toBe(200);
    expect(readFileSync(local("own"), "utf8")).toBe("new");
    expect(statSync(local("own"))).toMatchObject({ ino, uid: TESTER.uid, mode: 0o100755 });
  });

  it("of root keep everything", async () => {
    writeFileSync(local("program"), "old");
    chownSync(local("program"), TESTER.uid, TESTER.gid);
    chmodSync(local("program"), 0o4755);
    await upload(local("program"), "new", "root");
    const { uid, mode } = statSync(local("program"));
    expect([uid, mode & 0o7777]).toEqual([TESTER.uid, 0o4755]);
  });
});

describe("downloads of a user", () => {
  it("are of what the user may read, with all groups of the user", async () => {
    writeFileSync(local("secret"), "s", { mode: 0o600 });
    writeFileSync(local("shared"), "g", { mode: 0o640 });
    chownSync(local("shared"), 0, TESTER.extraGid);
    mkdirSync(local("closed"), { mode: 0o700 });
    writeFileSync(local("closed/file"), "c");
    symlinkSync(local("secret"), local("link"));
    expect((await download(local("secret"))).status).toBe(403);
    expect((await download(local("link"))).status).toBe(403);
    expect((await download(local("closed/file"))).status).toBe(403);
    expect((await download(local("shared"))).body.toString()).toBe("g");
    expect((await download("/proc/1/environ")).status).toBe(403);
    expect((await download("/proc/self/environ")).status).toBe(403);
  });

  it("do not lead through what the agent has open", async () => {
    mkdirSync(local("closed"), { mode: 0o700 });
    writeFileSync(local("closed/secret"), "s");
    const file = openSync(local("closed/secret"), "r");
    const folder = openSync(local("closed"), "r");
    try {
      symlinkSync(`/proc/self/fd/${file}`, local("home/file"));
      symlinkSync(`/proc/self/fd/${folder}`, local("home/folder"));
      const links = [local("home/file"), local("home/folder/secret")];
      const names = ["self", "thread-self", process.pid].flatMap((id) => [
        `/proc/${id}/fd/${file}`,
        `/proc/${id}/fd/${folder}/secret`,
        `/proc/${id}/maps`,
      ]);
      for (const path of [...links, ...names]) expect([path, (await download(path)).status]).toEqual([path, 403]);
      expect((await download("/proc/mounts")).status).toBe(200);
      expect((await files("/proc/self/maps", "root")).status).toBe(200);
    } finally {
      closeSync(file);
      closeSync(folder);
    }
  });

  it("do not show what the kernel keeps from the user", async () => {
    // Where its code begins and ends, its stack, its stack pointer and its instruction pointer.
    const pointers = (await download("/proc/1/stat")).body.toString().split(") ")[1]?.split(" ").slice(23, 28);
    expect(pointers).toEqual(["1", "1", "0", "0", "0"]);
  });
});

describe("a disk that is full", () => {
  beforeEach(() => {
    mkdirSync(local("small"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=128k,nr_inodes=8", "tmpfs", local("small")]);
  });
  afterEach(() => void execFileSync("umount", [local("small")]));

  it("is told before anything is sent in vain, and leaves nothing behind", async () => {
    const answer = await upload(local("small/folder/file"), Buffer.alloc(1024 * 1024), "root");
    expect(answer.status).toBe(507);
    expect(JSON.parse(answer.body.toString()).message).toMatch(/has room for \d+ bytes, not for 1048576/);
    expect(readdirSync(local("small"))).toEqual([]);
  });

  it.each(["chunked", "multipart"])(
    "is told when it fills up during a %s upload, and keeps the old file",
    async (kind) => {
      writeFileSync(local("small/file"), "old");
      const bytes = Buffer.alloc(1024 * 1024);
      const multipart = kind === "multipart";
      const head = multipart ? '--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' : "";
      const headers = {
        "transfer-encoding": "chunked",
        "content-type": multipart ? "multipart/form-data; boundary=b" : "application/octet-stream",
      };
      const answer = await files(local("small/file"), "root", Buffer.concat([Buffer.from(head), bytes]), headers);
      expect([answer.status, JSON.parse(answer.body.toString()).code]).toEqual([507, 507]);
      expect(readdirSync(local("small"))).toEqual(["file"]);
      expect(readFileSync(local("small/file"), "utf8")).toBe("old");
    },
  );

  it("is told when it has no room for one more file or folder", async () => {
    for (let index = 0; index < 6; index += 1) await upload(local(`small/${index}`), "x", "root");
    expect((await upload(local("small/more/file"), "x", "root")).status).toBe(507);
    await filesystemClient(fixture.url).remove({ path: "small/0" });
    await filesystemClient(fixture.url).remove({ path: "small/1" });
    expect(existsSync(local("small/more"))).toBe(false);
    expect((await upload(local("small/more/file"), "x", "root")).status).toBe(200);
  });
});

it("refuses a read-only file system, and writes to a file that is mounted on another", async () => {
  mkdirSync(local("fixed"));
  writeFileSync(local("under"), "");
  writeFileSync(local("point"), "");
  execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", local("fixed")]);
  execFileSync("mount", ["--bind", local("under"), local("point")]);
  try {
    expect((await upload(local("fixed/file"), "x", "root")).status).toBe(403);
    writeFileSync(local("point"), "mounted and long");
    expect((await upload(local("point"), "x", "root")).status).toBe(200);
    expect(readFileSync(local("under"), "utf8")).toBe("x");
    expect(readdirSync(fixture.root).filter((name) => name.startsWith("."))).toEqual([]);
  } finally {
    execFileSync("umount", [local("fixed")]);
    execFileSync("umount", [local("point")]);
  }
});
