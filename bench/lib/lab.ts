/** One host in this process, without API and database: what an operation itself costs. */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { createHostContext } from "@wrenn/host-agent/context";
import type { HostContext } from "@wrenn/host-agent/host";
import { createMachine } from "@wrenn/host-agent/machines/create";
import { execInMachine } from "@wrenn/host-agent/machines/exec";
import { removeAll } from "@wrenn/host-agent/remove-all";
import { type Id, newId } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";

export const MB = 1024 * 1024;

export class Lab {
  readonly host: HostContext;

  private constructor(host: HostContext) {
    this.host = host;
  }

  static async start(): Promise<Lab> {
    const dir = await mkdtemp(join(tmpdir(), "wrenn-bench-"));
    const env = { ...process.env, WRENN_DIR: dir, LOG_LEVEL: "error", WRENN_SLOT_POOL: "0" };
    return new Lab(await createHostContext(envToHostConfig(env, cpus().length)));
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
  async sh(id: string, script: string, timeoutSec = 300): Promise<void> {
    const request = { cmd: "/bin/sh", args: ["-c", script], envs: {}, cwd: undefined, user: undefined, timeoutSec };
    let said = "";
    for await (const event of execInMachine(this.host, id, request, new AbortController().signal)) {
      if (event.kind === "stderr") said += Buffer.from(event.bytes).toString();
      if (event.kind === "end" && event.exitCode !== 0) throw new Error(`${script}: code ${event.exitCode} ${said}`);
    }
  }

  async close(): Promise<void> {
    for (const { live } of this.host.machines.list()) live?.guest.close();
    await this.host.slots.close();
    await removeAll(this.host);
    await rm(this.host.layout.dir, { recursive: true, force: true });
  }
}
