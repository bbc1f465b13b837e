/**
 * One cgroup per machine where the box has cgroup v2: limits where the controllers are delegated, and in any case a
 * list of the machine's processes that the kernel keeps. On boxes without it everything here does nothing.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { waitFor } from "@wrenn/runtime/wait";

/** Where cgroup v2 is mounted: alone, or beside version 1. */
const MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/** MiB that QEMU needs beside the guest's memory: its own heap and, under emulation, translated code. */
const VMM_OVERHEAD_MB = 256;

export interface MachineLimits {
  readonly vcpus: number;
  readonly memoryMb: number;
}

export class Cgroups {
  readonly #root: string | undefined;

  private constructor(root: string | undefined) {
    this.#root = root;
  }

  /** Prepares the parent of all machines' cgroups of this instance. */
  static async open(instance: string): Promise<Cgroups> {
    const mount = MOUNTS.find((path) => existsSync(`${path}/cgroup.controllers`));
    if (mount === undefined) return new Cgroups(undefined);
    const root = `${mount}/wrenn-${instance}`;
    try {
      await mkdir(root, { recursive: true });
      await delegate(mount);
      await delegate(root);
      return new Cgroups(root);
    } catch {
      return new Cgroups(undefined);
    }
  }

  /** What limits a machine really gets here; empty means none. */
  async controllers(): Promise<string[]> {
    const text = await readFile(`${this.#root}/cgroup.subtree_control`, "utf8").catch(() => "");
    return text
      .trim()
      .split(" ")
      .filter((name) => name !== "");
  }

  /** Puts a process, and whatever it starts, into the machine's cgroup. */
  async add(machine: string, pid: number, limits: MachineLimits): Promise<void> {
    if (this.#root === undefined) return;
    const path = `${this.#root}/${machine}`;
    await mkdir(path, { recursive: true });
    await Promise.all([
      setIfThere(`${path}/memory.max`, `${(limits.memoryMb + VMM_OVERHEAD_MB) * 1024 * 1024}`),
      setIfThere(`${path}/memory.oom.group`, "1"),
      setIfThere(`${path}/cpu.weight`, `${Math.min(100 * limits.vcpus, 10_000)}`),
      setIfThere(`${path}/pids.max`, "256"),
    ]);
    await writeFile(`${path}/cgroup.procs`, `${pid}`);
  }

  /** Whether the kernel killed the machine because its memory limit was reached. */
  async wasOutOfMemory(machine: string): Promise<boolean> {
    const events = await readFile(`${this.#root}/${machine}/memory.events`, "utf8").catch(() => "");
    return /^oom_kill [1-9]/m.test(events);
  }

  /** Kills whatever is left in it and removes it. @throws when it cannot be removed */
  async remove(machine: string): Promise<void> {
    if (this.#root === undefined) return;
    const path = `${this.#root}/${machine}`;
    if (!existsSync(path)) return;
    await setIfThere(`${path}/cgroup.kill`, "1");
    const removed = await waitFor(
      () =>
        rmdir(path).then(
          () => true,
          () => !existsSync(path),
        ),
      { timeoutMs: 5000 },
    );
    if (removed === undefined) throw new Error(`the cgroup ${path} still holds processes`);
  }

  /** Names of the machines that have a cgroup. */
  async list(): Promise<string[]> {
    if (this.#root === undefined) return [];
    const entries = await readdir(this.#root, { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  /** Removes the parent when no machine is left. */
  async close(): Promise<void> {
    if (this.#root !== undefined) await rmdir(this.#root).catch(() => {});
  }
}

async function setIfThere(file: string, value: string): Promise<void> {
  if (existsSync(file)) await writeFile(file, value);
}

/** Lets children of `path` use the controllers that it has itself. */
async function delegate(path: string): Promise<void> {
  const controllers = (await readFile(`${path}/cgroup.controllers`, "utf8")).trim().split(" ");
  for (const name of ["cpu", "memory", "pids"]) {
    if (controllers.includes(name)) await writeFile(`${path}/cgroup.subtree_control`, `+${name}`).catch(() => {});
  }
}
