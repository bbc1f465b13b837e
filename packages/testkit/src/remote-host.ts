/** A host that is enrolled at a platform as a user would do it: `wrenn host-agent` in a state folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { identify, killProcess } from "@wrenn/runtime/process-identity";
import { findLockHolder } from "@wrenn/runtime/process-lock";
import { Platform, type PlatformOptions, WRENN } from "./platform.ts";

export class RemoteHost {
  /** its state folder, and the command on it; it runs no control plane */
  readonly box: Platform;
  #command: ChildProcess | undefined;
  #said = "";

  private constructor(box: Platform) {
    this.box = box;
  }

  static async prepare(options: PlatformOptions): Promise<RemoteHost> {
    return new RemoteHost(await Platform.prepare(options));
  }

  /** Runs `wrenn host-agent`. Resolves when the agent says that it is ready. @throws with what it said when it ends instead */
  async start(...args: string[]): Promise<void> {
    const command = spawn(WRENN, ["host-agent", ...args], { env: this.box.env, stdio: ["ignore", "pipe", "pipe"] });
    this.#command = command;
    this.#said = "";
    await new Promise<void>((resolve, reject) => {
      const hear = (chunk: Buffer) => {
        this.#said += chunk;
        if (this.#said.includes("host agent ready")) resolve();
      };
      command.stdout.on("data", hear);
      command.stderr.on("data", hear);
      command.once("exit", (code) => reject(new Error(`host-agent ended with ${code}: ${this.#said}`)));
    });
  }

  /** What `wrenn host-agent` has printed since its start. */
  get said(): string {
    return this.#said;
  }

  /** Kills the agent itself as a crash would. Resolves when the command has ended too. */
  async kill(): Promise<void> {
    const pid = await findLockHolder(`wrenn-host-agent-${this.box.layout.instance}`);
    const agent = pid === undefined ? undefined : identify(pid);
    if (agent === undefined) throw new Error("no host agent runs");
    await killProcess(agent);
    await this.ended();
  }

  /** Resolves with the exit code of the command when it has ended. */
  async ended(): Promise<number | null> {
    const command = this.#command;
    if (command === undefined) return null;
    if (command.exitCode === null && command.signalCode === null) await once(command, "exit");
    return command.exitCode;
  }

  async stop(): Promise<void> {
    this.#command?.kill("SIGTERM");
    await this.ended();
  }

  async credentials(): Promise<Record<string, string>> {
    return JSON.parse(await readFile(this.box.layout.hostCredentialsFile, "utf8")) as Record<string, string>;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.box.close();
  }
}
