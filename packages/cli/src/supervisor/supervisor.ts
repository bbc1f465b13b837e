/** Runs the platform's server processes on one box: the host agent first, then the control plane that talks to it. */
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import type { Logger } from "@wrenn/runtime/logger";
import { identify } from "@wrenn/runtime/process-identity";
import { tryProcessLock } from "@wrenn/runtime/process-lock";
import { Child } from "./child.ts";
import { readSupervisor, removeSupervisor, type SupervisorState, supervisorLock, writeSupervisor } from "./state.ts";

const ENTRIES = {
  "host-agent": "@wrenn/host-agent/main",
  "control-plane": "@wrenn/control-plane/main",
} as const;

export interface SupervisorOptions {
  readonly layout: Layout;
  readonly logger: Logger;
  /** TCP port of the API on loopback, 0 for any */
  readonly port: number | undefined;
}

export class Supervisor {
  readonly #layout: Layout;
  readonly #children: Child[];
  /** of every child; read anew at each start */
  readonly #env: NodeJS.ProcessEnv;

  private constructor({ layout, logger, port }: SupervisorOptions) {
    this.#layout = layout;
    this.#env = {
      ...process.env,
      WRENN_DIR: layout.dir,
      WRENN_CACHE_DIR: layout.cache,
      WRENN_LOCAL_ADMIN: "1",
      ...(port === undefined ? {} : { WRENN_CP_LISTEN_ADDR: `127.0.0.1:${port}` }),
    };
    this.#children = Object.entries(ENTRIES).map(
      ([name, entry]) =>
        new Child({
          name,
          entry: fileURLToPath(import.meta.resolve(entry)),
          env: this.#env,
          logFile: `${layout.logs}/${name}.log`,
          logger,
          onRestart: () => void this.#publish(),
        }),
    );
  }

  /** @throws already_running, and the registry error of the process that does not start; then nothing runs */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const { layout } = options;
    await mkdir(layout.logs, { recursive: true, mode: 0o700 });
    // Held until this process ends.
    if ((await tryProcessLock(supervisorLock(layout))) === undefined) {
      const url = readSupervisor(layout)?.apiUrl ?? "an address that is not known yet";
      throw new WrennError("already_running", `Wrenn already runs for ${layout.dir} at ${url}`);
    }
    const supervisor = new Supervisor(options);
    try {
      for (const child of supervisor.#children) await child.start();
      // A control plane that is started again keeps the address that clients were told.
      supervisor.#env["WRENN_CP_LISTEN_ADDR"] = new URL(supervisor.state.apiUrl).host;
      await supervisor.#publish();
      return supervisor;
    } catch (error) {
      await supervisor.close();
      throw error;
    }
  }

  get state(): SupervisorState {
    const [host, control] = this.#children.map((child) => child.details);
    const self = identify(process.pid);
    if (self === undefined) throw new Error("/proc is not readable");
    const processes = Object.keys(ENTRIES).map((name, i) => [name, this.#children[i]?.pid] as const);
    return {
      supervisor: self,
      apiUrl: String(control?.["url"]),
      vmm: String(host?.["vmm"]),
      vmmVersion: String(host?.["vmmVersion"]),
      accelerator: String(host?.["accelerator"]),
      processes: Object.fromEntries(
        processes.filter((entry): entry is [keyof typeof ENTRIES, number] => entry[1] !== undefined),
      ),
    };
  }

  async #publish(): Promise<void> {
    await writeSupervisor(this.#layout, this.state);
  }

  /** Stops the servers, the control plane first. Capsules live on. */
  async close(): Promise<void> {
    for (const child of this.#children.toReversed()) await child.stop();
    await removeSupervisor(this.#layout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
