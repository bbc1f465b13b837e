/**
 * The life of a server process: start, tell the parent, run until a signal or until the parent is gone, close.
 * The parent hears `ready` or `failed` over IPC; without a parent the log says the same.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { collectDeadBuffers } from "./dead-buffers.ts";
import { createLogger } from "./logger.ts";

export interface RunningService {
  /** facts for the parent */
  readonly details: Readonly<Record<string, unknown>>;
  close(): Promise<void>;
  /** what the parent may ask, by name */
  readonly answers?: Readonly<Record<string, (argument: unknown) => Promise<unknown>>>;
}

/** From the parent. */
export interface ServiceQuestion {
  readonly type: "ask";
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export type ServiceMessage =
  | { readonly type: "ready"; readonly details: Readonly<Record<string, unknown>> }
  | { readonly type: "failed"; readonly code: string; readonly message: string };

/** To a question of the parent. */
export type ServiceAnswer =
  | { readonly type: "answer"; readonly id: number; readonly value?: unknown }
  | { readonly type: "refusal"; readonly id: number; readonly code: string; readonly message: string };

/** A close that takes longer is given up: what it waits for does not outlive the process. */
const CLOSE_TIMEOUT_MS = 20_000;

export interface ServiceOptions {
  /** goes on when the process that started it ends */
  readonly outlivesParent?: boolean;
}

export async function runService(
  component: string,
  start: () => Promise<RunningService>,
  { outlivesParent = false }: ServiceOptions = {},
): Promise<void> {
  const logger = createLogger(component);
  const stopped = stopRequested(outlivesParent);
  collectDeadBuffers();
  try {
    const service = await start();
    process.on("message", (question) => void answer(service, question as ServiceQuestion));
    process.send?.({ type: "ready", details: service.details } satisfies ServiceMessage);
    const cause = await stopped;
    logger.info({ cause }, "stopping");
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    await service.close();
    process.exit(0);
  } catch (error) {
    // The reader is an operator: here a foreign error may say what it is.
    const known = WrennError.from(error, "internal_error", String(error));
    logger.fatal({ err: error, code: known.code }, known.message);
    await report({ type: "failed", code: known.code, message: known.message });
    process.exit(1);
  }
}

function stopRequested(outlivesParent: boolean): Promise<string> {
  return new Promise((resolve) => {
    // For good: a terminal or a service manager tells this process and the one that started it, which tells it once more.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(signal));
    if (process.send !== undefined && !outlivesParent)
      process.once("disconnect", () => resolve("the parent process is gone"));
  });
}

async function answer({ answers = {} }: RunningService, { id, name, argument }: ServiceQuestion): Promise<void> {
  try {
    const value = await answers[name]?.(argument);
    await report({ type: "answer", id, value });
  } catch (error) {
    const { code, message } = WrennError.from(error, "internal_error", String(error));
    await report({ type: "refusal", id, code, message });
  }
}

function report(message: ServiceMessage | ServiceAnswer): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}
