/** One server alone, for a service manager to keep. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isErrorCode, WrennError } from "@wrenn/protocol/errors";
import type { ServiceMessage } from "@wrenn/runtime/service";
import { V8_FLAGS } from "../supervisor/child.ts";

/**
 * Until it ends; a signal to this process stops it, and so does the death of this process. Its log is this process's output.
 * @param entry module of the server
 * @throws what it does not start for
 */
export async function runInForeground(entry: string): Promise<void> {
  const child = fork(fileURLToPath(import.meta.resolve(entry)), [], { execArgv: V8_FLAGS });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  let failure: WrennError | undefined;
  child.on("message", (said) => {
    const message = said as ServiceMessage;
    if (message.type !== "failed") return;
    failure = new WrennError(isErrorCode(message.code) ? message.code : "internal_error", message.message);
  });
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  if (failure !== undefined) throw failure;
  process.exitCode = code ?? 1;
}
