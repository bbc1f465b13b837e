/** Needs root and what `wrenn setup` makes: runs the agent disk's programs in a root file system that has nothing else. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "@wrenn/runtime/command";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadArtifacts } from "./artifacts.ts";

describe("the agent disk in a root file system without any library", () => {
  let root: string;
  const inRoot = (...args: string[]) => command("chroot", [root, ...args]);

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "wrenn-agent-disk-"));
    chmodSync(root, 0o755);
    mkdirSync(join(root, "run/wrenn-agent"), { recursive: true });
    const { agentDisk } = await loadArtifacts({ cache: process.env["WRENN_CACHE_DIR"] ?? "/var/cache/wrenn" });
    await command("fsck.erofs", [`--extract=${root}/run/wrenn-agent`, "--overwrite", agentDisk.path]);
    mkdirSync(join(root, "bin"));
    copyFileSync(join(root, "run/wrenn-agent/bin/busybox"), join(root, "bin/busybox"));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it("runs Node.js, also as a child of itself", async () => {
    const child =
      'console.log(require("child_process").execFileSync(process.execPath, ["-p", "6 * 7"], {encoding: "utf8"}))';
    expect((await inRoot("/run/wrenn-agent/bin/node", "--jitless", "-e", child)).trim()).toBe("42");
  });

  it("loads the native addon", async () => {
    const load = 'console.log(typeof require("/run/wrenn-agent/koffi.node").load)';
    expect((await inRoot("/run/wrenn-agent/bin/node", "-e", load)).trim()).toBe("function");
  });

  it("has a busybox and an init that need no libraries", async () => {
    expect(await inRoot("/run/wrenn-agent/bin/busybox", "sh", "-c", "echo hello")).toBe("hello\n");
  });
});
