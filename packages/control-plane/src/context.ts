/** Everything that the control plane is made of, built once and in order; closed in the opposite order. */
import { LIMITS } from "@wrenn/protocol/limits";
import type { Logger } from "@wrenn/runtime/logger";
import type { ApiContext } from "./api/route.ts";
import { AuditLog } from "./audit/log.ts";
import { countCapsules } from "./capsules/count.ts";
import type { CapsuleDeps } from "./capsules/deps.ts";
import { HOST_LOST_MS, Reconciler } from "./capsules/reconcile.ts";
import { Wakes } from "./capsules/wake.ts";
import type { Config } from "./config.ts";
import { Database } from "./db/database.ts";
import { startEmbeddedPostgres } from "./db/embedded.ts";
import { migrateDatabase } from "./db/migrate.ts";
import { HostClients } from "./hosts/clients.ts";
import { countHosts, ensureHost } from "./hosts/registry.ts";
import { ensureLocalKey } from "./identity/local-key.ts";
import { OwnMetrics } from "./metrics/own.ts";
import { Operations } from "./operations.ts";
import { readSecrets } from "./secrets.ts";

/** What a test puts in the place of the real thing. */
export interface ContextOverrides {
  readonly database?: Database;
  readonly hostLostMs?: number;
  readonly wakeTimeoutMs?: number;
  readonly backgroundInputMs?: number;
}

export interface Context extends ApiContext, AsyncDisposable {
  readonly capsules: CapsuleDeps;
  close(): Promise<void>;
}

async function openDatabase(config: Config, logger: Logger, stack: AsyncDisposableStack): Promise<Database> {
  const { database } = config;
  const url =
    database.kind === "external" ? database.url : stack.use(await startEmbeddedPostgres(config.layout, logger)).url;
  return stack.use(new Database(url, logger));
}

/** @throws what a part cannot do; then nothing is left running */
export async function createContext(
  config: Config,
  logger: Logger,
  overrides: ContextOverrides = {},
): Promise<Context> {
  await using stack = new AsyncDisposableStack();
  const db = overrides.database ?? (await openDatabase(config, logger, stack));
  await migrateDatabase(db);
  await ensureLocalKey(db, config.layout.apiKeyFile);
  await ensureHost(db, `unix:${config.layout.hostAgentSocket}`);
  const secrets = await readSecrets(config.secrets, config.layout.secretsFile);
  const audit = new AuditLog(db, logger);
  stack.defer(() => audit.flush());
  const hosts = stack.use(new HostClients());
  const operations = new Operations();
  const placement = { memoryOvercommit: config.memoryOvercommit };
  const wakes = new Wakes(overrides.wakeTimeoutMs ?? LIMITS.wakeTimeoutSec * 1000);
  const { backgroundInputMs = LIMITS.backgroundInputSec * 1000 } = overrides;
  const capsules: CapsuleDeps = { db, hosts, operations, placement, wakes, backgroundInputMs, logger };
  await stack.use(new Reconciler(capsules, overrides.hostLostMs ?? HOST_LOST_MS)).start();
  const metrics = new OwnMetrics({
    capsulesByState: () => countCapsules(db),
    hostsByStatus: () => countHosts(db),
  });
  const owned = stack.move();
  const close = () => owned.disposeAsync();
  const { corsOrigins } = config;
  return {
    capsules,
    audit,
    secrets,
    corsOrigins,
    metrics,
    metricsToken: config.metricsToken,
    close,
    [Symbol.asyncDispose]: close,
  };
}
