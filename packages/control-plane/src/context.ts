/** Everything that the control plane is made of, built once and in order; closed in the opposite order. */
import { LIMITS } from "@wrenn/protocol/limits";
import type { Logger } from "@wrenn/runtime/logger";
import type { ApiContext } from "./api/route.ts";
import { AuditLog } from "./audit/log.ts";
import { Background } from "./background.ts";
import { countCapsules } from "./capsules/count.ts";
import type { CapsuleDeps } from "./capsules/deps.ts";
import { HOST_LOST_MS, Reconciler } from "./capsules/reconcile.ts";
import { Wakes } from "./capsules/wake.ts";
import { Deliverer, type DeliveryTimes } from "./channels/deliverer.ts";
import type { ChannelDeps } from "./channels/deps.ts";
import { Outbound } from "./channels/outbound.ts";
import type { Config } from "./config.ts";
import { Claims } from "./db/claims.ts";
import { Database } from "./db/database.ts";
import { startEmbeddedPostgres } from "./db/embedded.ts";
import { migrateDatabase } from "./db/migrate.ts";
import { Encryption } from "./encryption.ts";
import { Certificates } from "./hosts/certificates.ts";
import { HostClients } from "./hosts/clients.ts";
import { countHosts, ensureHost } from "./hosts/registry.ts";
import { IdempotencyKeys } from "./idempotency/keys.ts";
import { ensureAdmin } from "./identity/local-admin.ts";
import { ensureLocalKey } from "./identity/local-key.ts";
import { Github } from "./identity/oauth/github.ts";
import { requireInstallation } from "./installation.ts";
import { Jobs } from "./jobs/jobs.ts";
import { jobsByState } from "./jobs/read.ts";
import { JOBS } from "./jobs/registry.ts";
import { Links } from "./mail/links.ts";
import { Mailer } from "./mail/mailer.ts";
import { OwnMetrics } from "./metrics/own.ts";
import { Operations } from "./operations.ts";
import { readSecrets } from "./secrets.ts";
import { tellByMail } from "./teams/mails.ts";

/** What a test puts in the place of the real thing. */
export interface ContextOverrides {
  readonly database?: Database;
  readonly hostLostMs?: number;
  readonly wakeTimeoutMs?: number;
  readonly backgroundInputMs?: number;
  readonly deliveryTimes?: DeliveryTimes;
}

export interface Context extends ApiContext, AsyncDisposable {
  readonly capsules: CapsuleDeps;
  /** The server listens at this address. */
  listening(url: string): void;
  close(): Promise<void>;
}

async function openDatabase(config: Config, logger: Logger, stack: AsyncDisposableStack): Promise<Database> {
  const { database } = config;
  const url =
    database.kind === "external" ? database.url : stack.use(await startEmbeddedPostgres(config.layout, logger)).url;
  return stack.use(new Database(url, logger));
}

/** What accounts need: mail, providers to sign in with, and the addresses of pages. */
function openAccounts(
  { accounts: config }: Config,
  { db, logger, sessionSecret }: { db: Database; logger: Logger; sessionSecret: Uint8Array },
  stack: AsyncDisposableStack,
): Pick<Context, "accounts" | "oauth" | "rateLimits" | "trustedProxies" | "listening"> {
  const links = new Links(config.publicUrl);
  const dashboard = new Links(config.dashboardUrl ?? config.publicUrl);
  const background = stack.use(new Background(logger));
  const mailer = stack.use(new Mailer({ smtp: config.smtp, logger, background }));
  const providers = new Map(config.github === undefined ? [] : [["github", new Github(config.github, links)]]);
  return {
    accounts: { db, mailer, links, background, sessionSecret },
    oauth: { providers, dashboard, origin: links, secret: sessionSecret },
    rateLimits: config.rateLimits,
    trustedProxies: config.trustedProxies,
    listening: (url) => {
      links.listening(url);
      dashboard.listening(url);
    },
  };
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
  const secrets = await readSecrets(config.secrets, config.layout.secretsFile);
  await requireInstallation(db, config, secrets);
  await ensureLocalKey(db, config.layout.apiKeyFile);
  const { admin } = config.accounts;
  if (admin !== undefined) await ensureAdmin(db, admin, config.layout.adminPasswordFile);
  if (config.localHost) await ensureHost(db, `unix:${config.layout.hostAgentSocket}`);
  const audit = stack.use(new AuditLog(db, logger));
  const certificates = new Certificates(config.authority, config.layout.authorityFile);
  const hosts = stack.use(new HostClients(certificates));
  const accounts = openAccounts(config, { db, logger, sessionSecret: secrets.session }, stack);
  const operations = new Operations(stack.use(new Claims(db, logger)));
  const wakes = new Wakes(overrides.wakeTimeoutMs ?? LIMITS.wakeTimeoutSec * 1000);
  const { backgroundInputMs = LIMITS.backgroundInputSec * 1000 } = overrides;
  const { placement, quotas } = config;
  const capsules: CapsuleDeps = { db, hosts, operations, placement, quotas, wakes, backgroundInputMs, logger };
  await stack.use(new Reconciler(capsules, overrides.hostLostMs ?? HOST_LOST_MS)).start();
  const outbound = new Outbound(config.webhookAllow);
  const encryption = new Encryption(secrets);
  const channels: ChannelDeps = { db, logger, encryption, outbound };
  stack.use(new Deliverer(channels, overrides.deliveryTimes).start());
  const jobs = stack.use(new Jobs({ db, mailer: accounts.accounts.mailer, logger }, JOBS).start());
  const metrics = new OwnMetrics({
    capsulesByState: () => countCapsules(db),
    hostsByStatus: () => countHosts(db),
    jobsByState: () => jobsByState(db, jobs),
    auditEntries: () => audit,
  });
  const owned = stack.move();
  const close = () => owned.disposeAsync();
  const enrolment = { db, certificates, tokenSecret: secrets.session };
  const { corsOrigins } = config;
  return {
    capsules,
    enrolment,
    ...accounts,
    tellUser: tellByMail(accounts.accounts.mailer, accounts.accounts.links),
    channels,
    jobs,
    audit,
    idempotency: new IdempotencyKeys({ db, operations, encryption, logger }),
    secrets,
    corsOrigins,
    metrics,
    metricsToken: config.metricsToken,
    close,
    [Symbol.asyncDispose]: close,
  };
}
