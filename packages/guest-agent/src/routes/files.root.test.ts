import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type AgentFixture, startAgent, TESTER } from "../testing/agent-fixture.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const local = (path: string) => join(fixture.root, path);

function upload(path: string, body: NonNullable<RequestInit["body"]>, username = "root"): Promise<Response> {
  return fetch(`${fixture.url}/files?${new URLSearchParams({ path, username })}`, {
    method: "POST",
    body,
    headers: { "content-type": "application/octet-stream" },
  });
}

it("gives file and new folders to the user, relative to the user's home", async () => {
  chmodSync(fixture.root, 0o755);
  await upload("a/b/file", "x", TESTER.name);
  for (const path of ["home/a", "home/a/b", "home/a/b/file"]) {
    expect(statSync(local(path))).toMatchObject({ uid: TESTER.uid, gid: TESTER.gid });
  }
  expect(statSync(local("home")).uid).toBe(0);
});

it("says that the disk is full and leaves nothing behind", async () => {
  mkdirSync(local("small"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", local("small")]);
  try {
    const response = await upload("small/file", Buffer.alloc(1024 * 1024));
    expect(response.status).toBe(507);
    expect(readdirSync(local("small"))).toEqual([]);
  } finally {
    execFileSync("umount", [local("small")]);
  }
});
