/** The control plane as one thing that starts and stops: the same for main, the command line and tests. */
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { ListenAddress } from "@wrenn/runtime/listen-address";
import type { Logger } from "@wrenn/runtime/logger";
import type { App } from "./api/route.ts";
import type { Config } from "./config.ts";
import { type Context, type ContextOverrides, createContext } from "./context.ts";
import type { LocalHost } from "./hosts/local-host.ts";
import { buildServer } from "./http/server.ts";

/** How long requests may go on once the end has been asked for. */
const GRACE_MS = 10_000;

export interface ControlPlane extends AsyncDisposable {
  /** e.g. http://127.0.0.1:9725 */
  readonly url: string;
  /** of this box; undefined where it is none */
  readonly localHost: LocalHost | undefined;
  close(): Promise<void>;
}

async function listen(app: App, { host, port }: ListenAddress): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") throw new WrennError("port_in_use", `${address} is in use`, { cause: error });
    throw new WrennError("config_invalid", `cannot listen on ${address}: ${code}`, { cause: error });
  }
}

/** Answers what is in flight, then cuts what takes longer; then creates and destroys end, and the rest is closed. */
async function shutDown(app: App, context: Context): Promise<void> {
  const grace = new AbortController();
  const timeUp = sleep(GRACE_MS, undefined, { signal: grace.signal }).then(
    () => {
      for (const client of app.websocketServer.clients) client.terminate();
      app.server.closeAllConnections();
    },
    () => {},
  );
  await app.close();
  await Promise.race([context.capsules.operations.drain(), timeUp]);
  grace.abort();
  await context.close();
}

/** @throws config_invalid, port_in_use, setup_required, database_unavailable …; then nothing is left running */
export async function startControlPlane(
  config: Config,
  logger: Logger,
  overrides?: ContextOverrides,
): Promise<ControlPlane> {
  const context = await createContext(config, logger, overrides);
  try {
    const app = await buildServer(context);
    const url = await listen(app, config.listen);
    context.listening(url);
    logger.info({ event: "listening", url });
    let closed: Promise<void> | undefined;
    const close = () => (closed ??= shutDown(app, context));
    return { url, localHost: context.localHost, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await context.close();
    throw error;
  }
}
