/** The baseline many would use instead: gVisor's runsc, which needs no KVM either, on the same root file system. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, tryCommand } from "@wrenn/runtime/command";
import { withCleanup } from "@wrenn/runtime/undo";
import { say } from "./report.ts";
import { repeat, type Summary, summarize } from "./stats.ts";

const RUNSC = process.env["RUNSC"] ?? "runsc";

/** The times of run + first exec, or why there are none. */
export async function benchRunsc(baseImage: string, runs: number): Promise<Summary | string> {
  const version = await tryCommand(RUNSC, ["--version"]).catch(() => undefined);
  if (version?.code !== 0) return "not measured: runsc is not installed (Debian: the package runsc of backports)";
  const dir = await mkdtemp(join(tmpdir(), "runsc-"));
  const failed = (failures: unknown) => say(`runsc left something behind: ${JSON.stringify(failures)}`);
  return withCleanup(async (undo) => {
    undo.add("folder", () => rm(dir, { recursive: true }));
    const bundle = join(dir, "bundle");
    await mkdir(join(bundle, "rootfs"), { recursive: true });
    await command("mount", ["-o", "loop,ro,noload", baseImage, join(bundle, "rootfs")]);
    undo.add("mount", async () => void (await command("umount", [join(bundle, "rootfs")])));
    await writeFile(join(bundle, "config.json"), JSON.stringify(OCI_CONFIG));
    const flags = [
      `--root=${join(dir, "state")}`,
      "--platform=systrap",
      "--network=none",
      "--overlay2=root:memory",
      "--ignore-cgroups",
    ];
    try {
      return summarize(await repeat(runs, (run) => once(flags, bundle, `bench-${process.pid}-${run}`)));
    } catch (error) {
      return `not measured: ${String(error).slice(0, 200)}`;
    }
  }, failed);
}

async function once(flags: readonly string[], bundle: string, id: string): Promise<number> {
  const began = performance.now();
  try {
    await command("sh", [
      "-c",
      'exec "$@" </dev/null >/dev/null 2>&1',
      "sh",
      RUNSC,
      ...flags,
      "run",
      "--detach",
      "--bundle",
      bundle,
      id,
    ]);
    await command(RUNSC, [...flags, "exec", id, "/bin/true"]);
    return performance.now() - began;
  } finally {
    await tryCommand(RUNSC, [...flags, "kill", id, "KILL"]);
    await tryCommand(RUNSC, [...flags, "delete", "--force", id]);
  }
}

const OCI_CONFIG = {
  ociVersion: "1.0.0",
  process: {
    user: { uid: 0, gid: 0 },
    args: ["/bin/sleep", "3600"],
    env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    cwd: "/",
  },
  root: { path: "rootfs", readonly: false },
  hostname: "capsule",
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
  ],
  linux: { namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }] },
};
