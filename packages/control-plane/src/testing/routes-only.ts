/** The server with all its routes and nothing behind them: for tests whose requests get no further than that. */
import type { RateLimits } from "../api/rate-limits.ts";
import type { ApiContext, App } from "../api/route.ts";
import type { CapsuleDeps } from "../capsules/deps.ts";
import { buildServer } from "../http/server.ts";
import { Links } from "../mail/links.ts";
import { OwnMetrics } from "../metrics/own.ts";
import { NO_LIMITS } from "./platform.ts";
import { silent } from "./postgres.ts";

export function buildRoutesOnly(
  rateLimits: Partial<RateLimits> = {},
  trustedProxies: readonly string[] = [],
): Promise<App> {
  const none = async () => ({});
  const key = new Uint8Array(32);
  const context: Partial<ApiContext> = {
    capsules: { logger: silent } as CapsuleDeps,
    secrets: { session: key, encryption: key, retiredEncryption: [] },
    accounts: {} as ApiContext["accounts"],
    oauth: { origin: new Links(undefined) } as ApiContext["oauth"],
    rateLimits: { ...NO_LIMITS, ...rateLimits },
    trustedProxies,
    corsOrigins: [],
    metrics: new OwnMetrics({
      capsulesByState: none,
      hostsByStatus: none,
      jobsByState: none,
      encryptedByKey: none,
      auditEntries: () => ({ lost: 0, waiting: 0 }),
    }),
  };
  return buildServer(context as ApiContext);
}
