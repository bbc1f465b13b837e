/** One server process of the platform: started, watched, started again when it dies, stopped. */
import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrorCode, WrennError } from "@wrenn/protocol/errors";
import type { Logger } from "@wrenn/runtime/logger";
import type { ServiceAnswer, ServiceMessage, ServiceQuestion } from "@wrenn/runtime/service";

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
/** V8 sizes its young generation by the box's memory; a server of small requests needs little and stays small with it. */
export const V8_FLAGS = ["--max-semi-space-size=4", "--expose-gc"];
const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 10_000;
/** A log that is larger when its process starts becomes the one old log that is kept. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;

export interface ChildOptions {
  readonly name: string;
  /** absolute path of its main.ts */
  readonly entry: string;
  /** read anew at each start */
  readonly env: () => NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly logger: Logger;
  /** called after each start that follows a death */
  readonly onRestart: () => void;
}

export class Child {
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #stopping = false;
  #backoffMs = MIN_BACKOFF_MS;
  #lastQuestion = 0;
  details: Readonly<Record<string, unknown>> = {};

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves when the process says that it is ready. @throws the registry error that the process reports */
  async start(): Promise<void> {
    const { name, entry, env, logFile } = this.#options;
    rotate(logFile);
    const log = openSync(logFile, "a", 0o640);
    // Its own session: Ctrl-C in the terminal reaches only the supervisor, which stops all in the right order.
    const child = fork(entry, [], {
      env: env(),
      execArgv: V8_FLAGS,
      detached: true,
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    this.#process = child;
    const exited = new Promise<string>((resolve) => {
      child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
    });
    const message = await Promise.race([
      new Promise<ServiceMessage>((resolve) => child.once("message", (said) => resolve(said as ServiceMessage))),
      exited.then((how): ServiceMessage => ({ type: "failed", code: "internal_error", message: `ended with ${how}` })),
      sleep(START_TIMEOUT_MS, { type: "failed", code: "internal_error", message: "did not start in time" } as const, {
        ref: false,
      }),
    ]);
    if (message.type === "failed") {
      child.kill("SIGKILL");
      const code = isErrorCode(message.code) ? message.code : "internal_error";
      throw new WrennError(
        code,
        code === "internal_error" ? `the ${name} ${message.message} (${logFile})` : message.message,
      );
    }
    this.details = message.details;
    const began = Date.now();
    void exited.then((how) => this.#died(how, Date.now() - began));
  }

  /** What the process that runs now answers. @throws what it refuses with; not_running when there is none, or it ends meanwhile */
  async ask(question: string, argument?: unknown): Promise<unknown> {
    const { name } = this.#options;
    const child = this.#process;
    const id = ++this.#lastQuestion;
    const gone = new WrennError("not_running", `the ${name} does not run`);
    if (child?.connected !== true) throw gone;
    return new Promise((resolve, reject) => {
      const hear = (said: unknown) => {
        const answer = said as ServiceAnswer;
        if (answer.id !== id) return;
        forget();
        if (answer.type === "answer") resolve(answer.value);
        else reject(new WrennError(isErrorCode(answer.code) ? answer.code : "internal_error", answer.message));
      };
      const lose = () => {
        forget();
        reject(gone);
      };
      const forget = () => child.off("message", hear).off("exit", lose);
      child.on("message", hear).once("exit", lose);
      child.send({ type: "ask", id, name: question, argument } satisfies ServiceQuestion, (error) => {
        if (error !== null) lose();
      });
    });
  }

  async #died(how: string, livedMs: number): Promise<void> {
    const { name, logger, onRestart } = this.#options;
    // One that served for longer than the longest pause did not die of its start.
    if (livedMs > MAX_BACKOFF_MS) this.#backoffMs = MIN_BACKOFF_MS;
    // It is deaths that are to be far apart, so the time that it served counts.
    let pauseMs = Math.max(MIN_BACKOFF_MS, this.#backoffMs - livedMs);
    while (!this.#stopping) {
      logger.error({ name, how }, "a server process ended; starting it again");
      await sleep(pauseMs);
      this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
      if (this.#stopping) return;
      try {
        await this.start();
        onRestart();
        return;
      } catch (error) {
        logger.error({ name, err: error }, "a server process did not start");
        pauseMs = this.#backoffMs;
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }
}

function rotate(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_LOG_BYTES) renameSync(logFile, `${logFile}.old`);
}
