/** Configuration in two steps: readEnv only reads, envToConfig checks and fills in. Nothing else looks at the environment. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";
import { type ListenAddress, parseListenAddress } from "@wrenn/runtime/listen-address";
import {
  type AccountsConfig,
  type AccountsEnv,
  accountsConfig,
  type Check,
  readAccountsEnv,
} from "./accounts-config.ts";
import { checkDatabaseUrl, withExplicitTls } from "./database-url.ts";
import { type AuthorityPem, authorityProblem } from "./hosts/authority-pem.ts";
import { parseBlock } from "./ip-blocks.ts";
import type { PlacementPolicy } from "./placement/place.ts";
import type { QuotaLimits } from "./quotas/quotas.ts";
import { type GivenSecrets, sessionProblem } from "./secrets.ts";

export interface Env {
  readonly dir?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly listenAddress?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly memoryOvercommit?: string | undefined;
  readonly quotas?: Readonly<Record<keyof QuotaLimits, string | undefined>>;
  readonly cpuOvercommit?: string | undefined;
  readonly diskOvercommit?: string | undefined;
  readonly minFreeDiskMb?: string | undefined;
  readonly localHost?: string | undefined;
  readonly localKey?: string | undefined;
  readonly caCert?: string | undefined;
  readonly caKey?: string | undefined;
  readonly metricsToken?: string | undefined;
  readonly corsOrigins?: string | undefined;
  readonly sessionSecret?: string | undefined;
  readonly encryptionKey?: string | undefined;
  readonly newSecrets?: string | undefined;
  readonly accounts?: AccountsEnv;
  readonly webhookAllow?: string | undefined;
  readonly byocAllow?: string | undefined;
}

export interface Config {
  readonly layout: Layout;
  readonly listen: ListenAddress;
  readonly database: { readonly kind: "embedded" } | { readonly kind: "external"; readonly url: string };
  readonly logLevel: string;
  /** of teams that have none of their own; null is no limit */
  readonly quotas: QuotaLimits;
  /** whether the host agent of this machine and state folder is one of the hosts, without being enrolled */
  readonly localHost: boolean;
  /** whether a key of the platform's team, without a limit, lies in the state folder */
  readonly localKey: boolean;
  /** how much more may be promised to capsules than hosts have */
  readonly placement: PlacementPolicy;
  /** whom the certificates of hosts are from; one is made where none is given */
  readonly authority: AuthorityPem | undefined;
  /** what readers of the metrics have to know; without one they have to be on this machine */
  readonly metricsToken: string | undefined;
  /** origins whose pages may ask in a browser; `*` is any */
  readonly corsOrigins: readonly string[];
  readonly secrets: GivenSecrets;
  /** the secrets, or the authority, are not what they were, on purpose */
  readonly newSecrets: boolean;
  readonly accounts: AccountsConfig;
  /** CIDR blocks that channels may send to although they are not on the public internet */
  readonly webhookAllow: readonly string[];
  /** CIDR blocks that teams' hosts may be in although they are the control plane's own */
  readonly byocAllow: readonly string[];
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
/** what a column of the database holds */
const MAX_QUOTA = 2 ** 31 - 1;
/** One, or several of which the first one encrypts. */
const ENCRYPTION_KEYS = /^[0-9a-f]{64}(,[0-9a-f]{64})*$/i;
/** What fits in a header and cannot be guessed. */
const METRICS_TOKEN = /^[!-~]{16,}$/;

/** An empty variable counts as one that is not set. */
export function readEnv(env: NodeJS.ProcessEnv): Env {
  return {
    dir: env["WRENN_DIR"] || undefined,
    cacheDir: env["WRENN_CACHE_DIR"] || undefined,
    listenAddress: env["WRENN_CP_LISTEN_ADDR"] || undefined,
    databaseUrl: env["DATABASE_URL"] || undefined,
    logLevel: env["LOG_LEVEL"] || undefined,
    memoryOvercommit: env["WRENN_MEMORY_OVERCOMMIT"] || undefined,
    quotas: {
      capsules: env["WRENN_TEAM_MAX_CAPSULES"] || undefined,
      vcpus: env["WRENN_TEAM_MAX_VCPUS"] || undefined,
      memoryMb: env["WRENN_TEAM_MAX_MEMORY_MB"] || undefined,
      diskMb: env["WRENN_TEAM_MAX_DISK_MB"] || undefined,
      snapshots: env["WRENN_TEAM_MAX_SNAPSHOTS"] || undefined,
    },
    cpuOvercommit: env["WRENN_CPU_OVERCOMMIT"] || undefined,
    diskOvercommit: env["WRENN_DISK_OVERCOMMIT"] || undefined,
    minFreeDiskMb: env["WRENN_MIN_FREE_DISK_MB"] || undefined,
    localHost: env["WRENN_LOCAL_HOST"] || undefined,
    localKey: env["WRENN_LOCAL_KEY"] || undefined,
    caCert: env["WRENN_CA_CERT"] || undefined,
    caKey: env["WRENN_CA_KEY"] || undefined,
    metricsToken: env["WRENN_METRICS_TOKEN"] || undefined,
    corsOrigins: env["WRENN_CORS_ORIGINS"] || undefined,
    sessionSecret: env["JWT_SECRET"] || undefined,
    encryptionKey: env["WRENN_ENCRYPTION_KEY"] || undefined,
    newSecrets: env["WRENN_NEW_SECRETS"] || undefined,
    accounts: readAccountsEnv(env),
    webhookAllow: env["WRENN_WEBHOOK_ALLOW"] || undefined,
    byocAllow: env["WRENN_BYOC_ALLOW"] || undefined,
  };
}

function readAuthority({ caCert, caKey }: Env, check: Check): AuthorityPem | undefined {
  check(
    (caCert === undefined) === (caKey === undefined),
    "WRENN_CA_CERT and WRENN_CA_KEY must be set both or not at all",
  );
  if (caCert === undefined || caKey === undefined) return undefined;
  const authority = { certPem: caCert, keyPem: caKey };
  const problem = authorityProblem(authority);
  check(problem === undefined, problem ?? "");
  return authority;
}

function readPlacement(env: Env, check: Check): PlacementPolicy {
  const overcommit = (name: string, text: string | undefined, fallback: number) => {
    const factor = Number(text ?? fallback);
    check(factor >= 0.1 && factor <= 1000, `${name} is "${text}" but must be a number from 0.1 to 1000`);
    return factor;
  };
  const minFree = env.minFreeDiskMb ?? "512";
  const minFreeDiskMb = Number(minFree);
  // In the words of the host agent, which reads it too.
  check(
    /^\d+$/.test(minFree) && minFreeDiskMb <= Number.MAX_SAFE_INTEGER,
    `WRENN_MIN_FREE_DISK_MB is "${minFree}" but must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
  );
  return {
    minFreeDiskMb,
    memoryOvercommit: overcommit("WRENN_MEMORY_OVERCOMMIT", env.memoryOvercommit, 2),
    cpuOvercommit: overcommit("WRENN_CPU_OVERCOMMIT", env.cpuOvercommit, 64),
    diskOvercommit: overcommit("WRENN_DISK_OVERCOMMIT", env.diskOvercommit, 64),
  };
}

function readQuotas(env: Env, check: Check): QuotaLimits {
  const quota = (name: string, text: string | undefined) => {
    check(
      text === undefined || (/^\d+$/.test(text) && Number(text) <= MAX_QUOTA),
      `${name} is "${text}" but must be a whole number from 0 to ${MAX_QUOTA}, or empty for no limit`,
    );
    return text === undefined ? null : Number(text);
  };
  return {
    capsules: quota("WRENN_TEAM_MAX_CAPSULES", env.quotas?.capsules),
    vcpus: quota("WRENN_TEAM_MAX_VCPUS", env.quotas?.vcpus),
    memoryMb: quota("WRENN_TEAM_MAX_MEMORY_MB", env.quotas?.memoryMb),
    diskMb: quota("WRENN_TEAM_MAX_DISK_MB", env.quotas?.diskMb),
    snapshots: quota("WRENN_TEAM_MAX_SNAPSHOTS", env.quotas?.snapshots),
  };
}

function readOrigins(env: Env, check: Check): string[] {
  const origins = env.corsOrigins?.split(",").map((origin) => origin.trim()) ?? [];
  for (const origin of origins) {
    const isOrigin = origin === "*" || (URL.canParse(origin) && new URL(origin).origin === origin);
    check(isOrigin, `WRENN_CORS_ORIGINS has "${origin}", which is no origin such as https://app.example.com`);
  }
  return origins;
}

function readBlocks(name: string, text: string | undefined, check: Check): string[] {
  const blocks = text?.split(",").map((block) => block.trim()) ?? [];
  check(
    blocks.every((block) => parseBlock(block) !== undefined),
    `${name} is "${text}" but must be CIDR blocks with commas between, for example 10.0.0.0/8,fd00::/8`,
  );
  return blocks;
}

function checkSecrets(env: Env, check: Check): void {
  check(
    env.metricsToken === undefined || METRICS_TOKEN.test(env.metricsToken),
    "WRENN_METRICS_TOKEN must be 16 or more letters, digits and signs, without blanks",
  );
  const problem = env.sessionSecret === undefined ? undefined : sessionProblem(env.sessionSecret);
  check(problem === undefined, problem ?? "");
  check(
    env.encryptionKey === undefined || ENCRYPTION_KEYS.test(env.encryptionKey),
    "WRENN_ENCRYPTION_KEY must be 64 hex digits, or several times 64 with commas between",
  );
}

/** @throws config_invalid with one sentence for each wrong value */
export function envToConfig(env: Env): Config {
  const problems: string[] = [];
  const check: Check = (ok, problem) => {
    if (!ok) problems.push(problem);
  };

  const listenText = env.listenAddress ?? "127.0.0.1:9725";
  const listen = parseListenAddress(listenText);
  check(
    listen !== undefined,
    `WRENN_CP_LISTEN_ADDR is "${listenText}" but must be host:port, or :port for all addresses, for example 127.0.0.1:9725`,
  );
  if (env.databaseUrl !== undefined) checkDatabaseUrl(env.databaseUrl, check);
  const logLevel = env.logLevel ?? "info";
  check(LOG_LEVELS.includes(logLevel), `LOG_LEVEL is "${logLevel}" but must be one of ${LOG_LEVELS.join(", ")}`);
  const placement = readPlacement(env, check);
  const flag = (name: string, text: string) => {
    check(["0", "1"].includes(text), `${name} is "${text}" but must be 0 or 1`);
    return text === "1";
  };
  const localHost = flag("WRENN_LOCAL_HOST", env.localHost ?? "1");
  const localKey = flag("WRENN_LOCAL_KEY", env.localKey ?? "1");
  const authority = readAuthority(env, check);
  const quotas = readQuotas(env, check);
  const corsOrigins = readOrigins(env, check);
  checkSecrets(env, check);
  const newSecrets = flag("WRENN_NEW_SECRETS", env.newSecrets ?? "0");
  const webhookAllow = readBlocks("WRENN_WEBHOOK_ALLOW", env.webhookAllow, check);
  const byocAllow = readBlocks("WRENN_BYOC_ALLOW", env.byocAllow, check);
  const accounts = accountsConfig(env.accounts ?? {}, listen?.host ?? "", check);

  if (problems.length > 0 || listen === undefined) throw new WrennError("config_invalid", problems.join("; "));
  return {
    layout: layoutOf(env.dir ?? "/var/lib/wrenn", env.cacheDir ?? "/var/cache/wrenn"),
    listen,
    database:
      env.databaseUrl === undefined
        ? { kind: "embedded" }
        : { kind: "external", url: withExplicitTls(env.databaseUrl) },
    logLevel,
    quotas,
    localHost,
    localKey,
    placement,
    authority,
    metricsToken: env.metricsToken,
    corsOrigins,
    secrets: { session: env.sessionSecret, encryption: env.encryptionKey?.toLowerCase() },
    newSecrets,
    accounts,
    webhookAllow,
    byocAllow,
  };
}
