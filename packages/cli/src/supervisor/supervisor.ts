/**
 * Runs the platform's server processes on one box: the host agent first, then the control plane that talks to it. It makes them known to
 * each other, so that the host enrols as one elsewhere does.
 */
import { fileURLToPath } from "node:url";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import type { Logger } from "@wrenn/runtime/logger";
import { identify } from "@wrenn/runtime/process-identity";
import { tryProcessLock } from "@wrenn/runtime/process-lock";
import { makeLogFolder } from "../instance.ts";
import { Child } from "./child.ts";
import { hostAgentEnv, supervisedEnv } from "./environment.ts";
import { Introduction } from "./introduction.ts";
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
  readonly #logger: Logger;
  readonly #hostAgent: Child;
  readonly #controlPlane: Child;
  /** of every child; read anew at each start */
  readonly #env: NodeJS.ProcessEnv;
  readonly #introduction: Introduction;

  private constructor({ layout, logger, port }: SupervisorOptions) {
    this.#layout = layout;
    this.#env = supervisedEnv(process.env, layout, port);
    this.#logger = logger;
    this.#hostAgent = this.#child("host-agent", () => hostAgentEnv(this.#env));
    this.#controlPlane = this.#child("control-plane", () => this.#env);
    this.#introduction = new Introduction({ hostAgent: this.#hostAgent, controlPlane: this.#controlPlane, logger });
  }

  #child(name: keyof typeof ENTRIES, env: () => NodeJS.ProcessEnv): Child {
    return new Child({
      name,
      entry: fileURLToPath(import.meta.resolve(ENTRIES[name])),
      env,
      logFile: `${this.#layout.logs}/${name}.log`,
      logger: this.#logger,
      onRestart: () => {
        void this.#publish();
        this.#introduction.again();
      },
    });
  }

  /** @throws already_running, and the registry error of the process that does not start; then nothing runs */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const { layout } = options;
    await makeLogFolder(layout);
    // Held until this process ends.
    if ((await tryProcessLock(supervisorLock(layout))) === undefined) {
      const url = readSupervisor(layout)?.apiUrl ?? "an address that is not known yet";
      throw new WrennError("already_running", `Wrenn already runs for ${layout.dir} at ${url}`);
    }
    const supervisor = new Supervisor(options);
    try {
      await supervisor.#hostAgent.start();
      await supervisor.#controlPlane.start();
      // A control plane that is started again keeps the port that clients were told.
      supervisor.#env["WRENN_CP_LISTEN_ADDR"] = `${supervisor.#listenHost}:${new URL(supervisor.state.apiUrl).port}`;
      await supervisor.#introduction.begin();
      await supervisor.#publish();
      return supervisor;
    } catch (error) {
      await supervisor.close();
      throw error;
    }
  }

  /** As it is configured: what clients on this box are told may be only one of its addresses. */
  get #listenHost(): string {
    return (this.#env["WRENN_CP_LISTEN_ADDR"] || "127.0.0.1:0").replace(/:\d+$/, "");
  }

  get state(): SupervisorState {
    const children = { "host-agent": this.#hostAgent, "control-plane": this.#controlPlane };
    const [host, control] = [this.#hostAgent.details, this.#controlPlane.details];
    const self = identify(process.pid);
    if (self === undefined) throw new Error("/proc is not readable");
    const processes = Object.entries(children).map(([name, { pid }]) => [name, pid] as const);
    return {
      supervisor: self,
      apiUrl: String(control["url"]),
      vmm: String(host["vmm"]),
      vmmVersion: String(host["vmmVersion"]),
      accelerator: String(host["accelerator"]),
      processes: Object.fromEntries(processes.filter((entry): entry is [string, number] => entry[1] !== undefined)),
    };
  }

  async #publish(): Promise<void> {
    await writeSupervisor(this.#layout, this.state);
  }

  /** Stops the servers, the control plane first. Capsules live on. */
  async close(): Promise<void> {
    this.#introduction.close();
    await this.#controlPlane.stop();
    await this.#hostAgent.stop();
    await removeSupervisor(this.#layout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
