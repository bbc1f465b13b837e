/** `wrenn up`: starts the servers, in the foreground or detached. */
import { fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isErrorCode, WrennError } from "@wrenn/protocol/errors";
import { createLogger } from "@wrenn/runtime/logger";
import type { ServiceMessage } from "@wrenn/runtime/service";
import { type Command, InvalidArgumentError } from "commander";
import { type Instance, localApiKey, localInstance, makeLogFolder, requireRoot } from "../instance.ts";
import { json, note, out, style } from "../output/print.ts";
import { checkSettings, requireExternalDatabase } from "../settings.ts";
import { readSupervisor, type SupervisorState } from "../supervisor/state.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { warnOfUnknown } from "./config.ts";
import { ensureSetup } from "./setup.ts";

interface UpOptions {
  readonly detach?: boolean;
  readonly port?: number;
  readonly json?: boolean;
}

export function upCommand(program: Command): void {
  program
    .command("up")
    .description("Start Wrenn on this box (runs setup first where needed)")
    .option("-d, --detach", "return when the API answers and leave the servers running")
    .option("-p, --port <port>", "TCP port of the API on 127.0.0.1 (default 9725, 0 for any free one)", parsePort)
    .option("--json", "print where the API is as JSON")
    .action(async (options: UpOptions) => {
      checkSettings(process.env, options.port);
      const instance = localInstance();
      requireRoot("up");
      warnOfUnknown(process.env);
      await requireExternalDatabase(process.env);
      await ensureSetup(instance, options.json === true);
      if (options.detach === true) await upDetached(instance, options);
      else await upForeground(instance, options);
    });
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError("a port is a number from 0 to 65535.");
  return port;
}

/** Starts the servers in this process's care. */
export function startServers({ layout }: Instance, port: number | undefined): Promise<Supervisor> {
  return Supervisor.start({
    layout,
    port,
    logger: createLogger("supervisor", process.env["WRENN_SUPERVISED"] ? "info" : "silent"),
  });
}

/** Resolves when the user or the system asks this process to stop. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve(signal));
  });
}

async function upForeground(instance: Instance, options: UpOptions): Promise<void> {
  const stopped = stopSignal();
  await using supervisor = await startServers(instance, options.port);
  announce(instance, supervisor.state, options);
  if (options.json !== true)
    note(style("Ctrl-C stops the servers; capsules live on and are found again by the next start.", "dim"));
  await stopped;
  note("stopping");
}

/** The servers' care-taker is this command again, in a session of its own. */
async function upDetached(instance: Instance, options: UpOptions): Promise<void> {
  const { layout } = instance;
  await makeLogFolder(layout);
  const log = openSync(`${layout.logs}/supervisor.log`, "a", 0o640);
  const args = ["supervise", ...(options.port === undefined ? [] : ["--port", `${options.port}`])];
  const child = fork(fileURLToPath(new URL("../main.ts", import.meta.url)), args, {
    detached: true,
    env: { ...process.env, WRENN_SUPERVISED: "1" },
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const message = await new Promise<ServiceMessage>((resolve) => {
    child.once("message", (said) => resolve(said as ServiceMessage));
    child.once("exit", () => {
      resolve({
        type: "failed",
        code: "internal_error",
        message: `the supervisor ended; see ${layout.logs}/supervisor.log`,
      });
    });
  });
  if (message.type === "failed") {
    throw new WrennError(isErrorCode(message.code) ? message.code : "internal_error", message.message);
  }
  child.disconnect();
  child.unref();
  const state = readSupervisor(layout);
  if (state === undefined) throw new WrennError("internal_error", "the supervisor ended right after its start");
  announce(instance, state, options);
}

function announce({ layout }: Instance, state: SupervisorState, options: UpOptions): void {
  const apiKey = localApiKey(layout) ?? null;
  if (options.json === true) {
    json({
      state: "running",
      api_url: state.apiUrl,
      api_key: apiKey,
      dir: layout.dir,
      vmm: state.vmm,
      accelerator: state.accelerator,
    });
    return;
  }
  out(
    `Wrenn is up at ${style(state.apiUrl, "bold", process.stdout)} (${state.vmm} ${state.vmmVersion}, ${state.accelerator})`,
  );
  out(apiKey === null ? "No API key of its own (WRENN_LOCAL_KEY=0): sign in to make one" : `API key ${apiKey}`);
}
