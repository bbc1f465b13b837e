/** Everything that the control plane is made of, built once and in order; closed in the opposite order. */

import { randomUUID } from "node:crypto";
import { LIMITS } from "@wrenn/protocol/limits";
import { readOrMakeFile } from "@wrenn/runtime/atomic-file";
import type { Logger } from "@wrenn/runtime/logger";
import type { ApiContext } from "./api/route.ts";
import { AuditLog } from "./audit/log.ts";
import { countCapsules } from "./capsules/count.ts";
import type { CapsuleDeps } from "./capsules/deps.ts";
import { HOST_LOST_MS, Reconciler } from "./capsules/reconcile.ts";
import { Wakes } from "./capsules/wakes.ts";
import { Deliverer, type DeliveryTimes } from "./channels/deliverer.ts";
import type { ChannelDeps } from "./channels/deps.ts";
import { Outbound } from "./channels/outbound.ts";
import type { Config } from "./config.ts";
import { Claims } from "./db/claims.ts";
import { Database } from "./db/database.ts";
import { startEmbeddedPostgres } from "./db/embedded.ts";
import { migrateDatabase } from "./db/migrate.ts";
import { Encryption } from "./encryption.ts";
import { ByocAddresses } from "./hosts/byoc-addresses.ts";
import { Certificates } from "./hosts/certificates.ts";
import { HostClients } from "./hosts/clients.ts";
import { LocalHost } from "./hosts/local-host.ts";
import { countHosts } from "./hosts/registry.ts";
import { IdempotencyKeys } from "./idempotency/keys.ts";
import { ensureAdmin } from "./identity/local-admin.ts";
import { ensureLocalKey, ensurePlatformTeam } from "./identity/local-key.ts";
import { Github } from "./identity/oauth/github.ts";
import { Revocations } from "./identity/revocations.ts";
import { requireInstallation } from "./installation.ts";
import { Jobs } from "./jobs/jobs.ts";
import { jobsByState } from "./jobs/read.ts";
import { encryptedByKey } from "./jobs/reencrypt.ts";
import { JOBS } from "./jobs/registry.ts";
import { postMail } from "./jobs/send-mail.ts";
import { postResetRequest } from "./jobs/send-reset-link.ts";
import { Links } from "./mail/links.ts";
import { Mailer, type MailerOptions } from "./mail/mailer.ts";
import { OwnMetrics } from "./metrics/own.ts";
import { Operations } from "./operations.ts";
import { requireDatabase } from "./require-database.ts";
import { readSecrets, type Secrets } from "./secrets.ts";
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
  readonly localHost: LocalHost | undefined;
  /** The server listens at this address. */
  listening(url: string): void;
  close(): Promise<void>;
}

async function openDatabase(config: Config, logger: Logger, stack: AsyncDisposableStack): Promise<Database> {
  const { database } = config;
  if (database.kind === "external") await requireDatabase(database.url);
  const url =
    database.kind === "external" ? database.url : stack.use(await startEmbeddedPostgres(config.layout, logger)).url;
  return stack.use(new Database(url, logger));
}

async function openLocalHost({ layout, database }: Config, db: Database, reconciler: Reconciler): Promise<LocalHost> {
  const isOnline = (id: string) => reconciler.isOnline(id);
  const instance = await readOrMakeFile(layout.instanceFile, randomUUID);
  const sole = database.kind === "embedded";
  return LocalHost.ensure({ db, instance, folder: layout.instance, sole, isOnline });
}

interface OpenAccounts extends Pick<MailerOptions, "logger" | "outbox"> {
  readonly db: Database;
  readonly sessionSecret: Uint8Array;
  readonly postReset: Context["accounts"]["postReset"];
}

/** @param jobs those that run mails, which need the mailer themselves */
function mailAsJobs(jobs: () => Jobs, encryption: Encryption): Pick<OpenAccounts, "outbox" | "postReset"> {
  return {
    outbox: {
      ready: () => jobs().ready(),
      post: (queries, letter) => postMail(jobs(), encryption, queries, letter),
    },
    postReset: (request) => postResetRequest(jobs(), encryption, request),
  };
}

/** What accounts need: mail, providers to sign in with, and the addresses of pages. */
function openAccounts(
  { accounts: config }: Config,
  { db, logger, sessionSecret, outbox, postReset }: OpenAccounts,
): Pick<Context, "accounts" | "oauth" | "rateLimits" | "trustedProxies" | "listening"> {
  const links = new Links(config.publicUrl);
  const dashboard = new Links(config.dashboardUrl ?? config.publicUrl);
  const mailer = new Mailer({ smtp: config.smtp, logger, outbox });
  const providers = new Map(config.github === undefined ? [] : [["github", new Github(config.github, links)]]);
  return {
    accounts: { db, mailer, links, postReset, sessionSecret },
    oauth: { providers, dashboard, origin: links, secret: sessionSecret },
    rateLimits: config.rateLimits,
    trustedProxies: config.trustedProxies,
    listening: (url) => {
      links.listening(url);
      dashboard.listening(url);
    },
  };
}

/** The database with what is in it from the first start on, and the secrets that belong to it. */
async function openInstallation(
  config: Config,
  logger: Logger,
  opened: Database | undefined,
  stack: AsyncDisposableStack,
): Promise<{ db: Database; secrets: Secrets; certificates: Certificates }> {
  const certificates = stack.use(new Certificates(config.authority, config.layout.authorityFile));
  // They are made while the database starts. What is wrong with them shows when they are needed.
  certificates.open().catch(() => {});
  if (config.localHost) certificates.client().catch(() => {});
  const db = opened ?? (await openDatabase(config, logger, stack));
  await migrateDatabase(db);
  const secrets = await readSecrets(config.secrets, config.layout.secretsFile);
  await requireInstallation(db, config, secrets, await certificates.open());
  await ensurePlatformTeam(db);
  if (config.localKey) await ensureLocalKey(db, config.layout.apiKeyFile, logger);
  const { admin } = config.accounts;
  if (admin !== undefined) await ensureAdmin(db, admin, config.layout.adminPasswordFile);
  return { db, secrets, certificates };
}

/** @throws what a part cannot do; then nothing is left running */
export async function createContext(
  config: Config,
  logger: Logger,
  overrides: ContextOverrides = {},
): Promise<Context> {
  await using stack = new AsyncDisposableStack();
  const { db, secrets, certificates } = await openInstallation(config, logger, overrides.database, stack);
  const audit = stack.use(new AuditLog(db, logger));
  const byocAddresses = new ByocAddresses(config.byocAllow);
  const hosts = stack.use(new HostClients(certificates, byocAddresses));
  const encryption = new Encryption(secrets);
  const mail = mailAsJobs(() => jobs, encryption);
  const accounts = openAccounts(config, { db, logger, sessionSecret: secrets.session, ...mail });
  const operations = new Operations(stack.use(new Claims(db, logger)));
  const wakes = new Wakes(overrides.wakeTimeoutMs ?? LIMITS.wakeTimeoutSec * 1000);
  const { backgroundInputMs = LIMITS.backgroundInputSec * 1000 } = overrides;
  const { placement, quotas } = config;
  const capsules: CapsuleDeps = { db, hosts, operations, placement, quotas, wakes, backgroundInputMs, logger };
  const reconciler = stack.use(new Reconciler(capsules, overrides.hostLostMs ?? HOST_LOST_MS));
  const localHost = config.localHost ? await openLocalHost(config, db, reconciler) : undefined;
  await reconciler.start();
  const revocations = stack.use(new Revocations(db, logger));
  const outbound = new Outbound(config.webhookAllow);
  const channels: ChannelDeps = { db, logger, encryption, outbound };
  stack.use(new Deliverer(channels, overrides.deliveryTimes).start());
  const jobs = stack.use(new Jobs({ db, mailer: accounts.accounts.mailer, encryption, logger }, JOBS).start());
  const metrics = new OwnMetrics({
    capsulesByState: () => countCapsules(db),
    hostsByStatus: () => countHosts(db),
    jobsByState: () => jobsByState(db, jobs),
    encryptedByKey: () => encryptedByKey(db),
    auditEntries: () => audit,
  });
  const owned = stack.move();
  const close = () => owned.disposeAsync();
  const enrolment = { db, certificates, byocAddresses, tokenSecret: secrets.session };
  const { corsOrigins } = config;
  return {
    capsules,
    enrolment,
    hostHeard: (id, changed) => reconciler.heard(id, changed),
    localHost,
    ...accounts,
    teller: tellByMail(accounts.accounts.mailer, accounts.accounts.links),
    channels,
    jobs,
    audit,
    revocations,
    idempotency: new IdempotencyKeys({ db, operations, encryption, logger }),
    secrets,
    corsOrigins,
    metrics,
    metricsToken: config.metricsToken,
    close,
    [Symbol.asyncDispose]: close,
  };
}
