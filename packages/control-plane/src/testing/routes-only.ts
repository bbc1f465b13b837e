/** The server with all its routes and nothing behind them: for tests whose requests get no further than that. */
import type { ApiContext, App } from "../api/route.ts";
import type { CapsuleDeps } from "../capsules/deps.ts";
import { buildServer } from "../http/server.ts";
import { OwnMetrics } from "../metrics/own.ts";
import { silent } from "./postgres.ts";

export function buildRoutesOnly(): Promise<App> {
  const key = new Uint8Array(32);
  const context: Partial<ApiContext> = {
    capsules: { logger: silent } as CapsuleDeps,
    secrets: { session: key, encryption: key },
    corsOrigins: [],
    metrics: new OwnMetrics({ capsulesByState: async () => ({}), hostsByStatus: async () => ({}) }),
  };
  return buildServer(context as ApiContext);
}
