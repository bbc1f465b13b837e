/** One host in this process, without API and database: what an operation itself costs. */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { createHostContext } from "@wrenn/host-agent/context";
import { exec } from "@wrenn/host-agent/guest/exec";
import type { HostContext } from "@wrenn/host-agent/host";
import { type Chores, startChores } from "@wrenn/host-agent/machines/chores";
import { createMachine } from "@wrenn/host-agent/machines/create";
import { destroyMachine } from "@wrenn/host-agent/machines/destroy";
import { removeAll } from "@wrenn/host-agent/remove-all";
import { type Id, newId } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";

export const MB = 1024 * 1024;

export class Lab {
  readonly host: HostContext;
  readonly #chores: Chores;

  private constructor(host: HostContext) {
    this.host = host;
    this.#chores = startChores(host);
  }

  /** @param dir state folder; a new one, removed at the end, when absent */
  static async start({ dir, env = {} }: { dir?: string; env?: Readonly<Record<string, string>> } = {}): Promise<Lab> {
    const all = {
      ...process.env,
      LOG_LEVEL: "error",
      ...env,
      WRENN_DIR: dir ?? (await mkdtemp(join(tmpdir(), "wrenn-lab-"))),
    };
    const host = await createHostContext(envToHostConfig(all, cpus().length));
    host.slots.fill();
    return new Lab(host);
  }

  async create(memoryMb: number): Promise<Id<"capsule">> {
    const { host } = this;
    const id = newId("capsule");
    const request = { id, templateId: "", teamId: "", timeoutSec: 0, defaultUser: "", defaultEnv: {} };
    const diskSizeMb = LIMITS.diskSizeMb.default;
    await createMachine(host, { ...request, diskSizeMb }, () =>
      host.templates.ensure("minimal", { vcpus: 1, memoryMb }),
    );
    return id;
  }

  /** @throws when the script fails */
  async sh(id: string, script: string, timeoutMs = 300_000): Promise<void> {
    const { guest } = this.host.machines.answering(id).live;
    const { exitCode, output } = await exec(guest, { cmd: "/bin/sh", args: ["-c", script], timeoutMs });
    if (exitCode !== 0) throw new Error(`${script}: code ${exitCode} ${output}`);
  }

  async close(): Promise<void> {
    await this.#chores.stop();
    for (const { record } of this.host.machines.list()) await destroyMachine(this.host, record.id);
    await this.host.slots.close();
    await removeAll(this.host);
    await rm(this.host.layout.dir, { recursive: true, force: true });
  }
}
