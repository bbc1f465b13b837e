/** A control plane as a process of its own, as whoever runs one has it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Layout } from "@wrenn/runtime/layout";
import type { ServiceMessage } from "@wrenn/runtime/service";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

export class ControlPlaneProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<unknown[]>;
  readonly message: Promise<ServiceMessage>;
  output = "";

  constructor(layout: Layout, env: NodeJS.ProcessEnv = {}) {
    this.child = fork(MAIN, {
      silent: true,
      env: {
        PATH: process.env["PATH"],
        WRENN_DIR: layout.dir,
        WRENN_CACHE_DIR: layout.cache,
        WRENN_CP_LISTEN_ADDR: "127.0.0.1:0",
        ...env,
      },
    });
    this.child.stdout?.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    this.child.stderr?.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    this.exit = once(this.child, "exit");
    this.message = once(this.child, "message").then(([message]) => message as ServiceMessage);
  }

  async ready(): Promise<string> {
    const message = await this.message;
    if (message.type !== "ready") throw new Error(message.message);
    return String(message.details["url"]);
  }

  get lines(): Record<string, unknown>[] {
    return this.output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  /** Ends it as a service manager does. */
  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    await this.exit;
  }
}
