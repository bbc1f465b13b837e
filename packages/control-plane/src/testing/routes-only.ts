/** The server with all its routes and nothing behind them: for tests whose requests get no further than that. */
import type { ApiContext, App } from "../api/route.ts";
import { buildServer } from "../http/server.ts";
import { OwnMetrics } from "../metrics/own.ts";
import { silent } from "./postgres.ts";

export function buildRoutesOnly(): Promise<App> {
  const nothing = new Uint8Array(32);
  return buildServer({
    capsules: { logger: silent },
    secrets: { session: nothing, encryption: nothing },
    metrics: new OwnMetrics({ capsulesByState: async () => ({}), hostsByStatus: async () => ({}) }),
  } as ApiContext);
}
