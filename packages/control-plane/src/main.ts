/** The process of the control plane: environment in, one line of JSON per event out, and over IPC whether it is ready. */
import { once } from "node:events";
import { WrennError } from "@wrenn/protocol/errors";
import { createLogger, type Logger } from "@wrenn/runtime/logger";
import { envToConfig, readEnv } from "./config.ts";
import { startControlPlane } from "./control-plane.ts";
import { fromDatabaseError } from "./db/errors.ts";

/** What a parent process that forked this one hears. */
export type ControlPlaneMessage =
  | { readonly type: "ready"; readonly url: string }
  | { readonly type: "failed"; readonly code: string; readonly message: string };

async function tell(message: ControlPlaneMessage): Promise<void> {
  if (process.send === undefined || !process.connected) return;
  await new Promise<void>((resolve) => process.send?.(message, undefined, {}, () => resolve()));
}

/** Resolves when the process is asked to end; a parent that is gone asks too. */
async function endRequested(): Promise<void> {
  const events = ["SIGTERM", "SIGINT", ...(process.send === undefined ? [] : ["disconnect"])];
  await Promise.race(events.map((event) => once(process, event)));
}

async function run(): Promise<void> {
  const config = envToConfig(readEnv(process.env));
  const logger = createLogger("control-plane", config.logLevel);
  const ended = endRequested();
  await using controlPlane = await startControlPlane(config, logger);
  await tell({ type: "ready", url: controlPlane.url });
  await ended;
  logger.info({ event: "stopping" });
}

async function fail(error: unknown, logger: Logger): Promise<void> {
  const known = WrennError.from(fromDatabaseError(error), "internal_error", String(error));
  logger.fatal({ event: "failed", code: known.code, err: error }, known.message);
  await tell({ type: "failed", code: known.code, message: known.message });
  process.exitCode = 1;
}

try {
  await run();
} catch (error) {
  await fail(error, createLogger("control-plane"));
}
if (process.connected) process.disconnect();
