/** Configuration in two steps: readEnv only reads, envToConfig checks and fills in. Nothing else looks at the environment. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";
import type { GivenSecrets } from "./secrets.ts";

export interface Env {
  readonly dir?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly listenAddress?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly memoryOvercommit?: string | undefined;
  readonly metricsToken?: string | undefined;
  readonly corsOrigins?: string | undefined;
  readonly sessionSecret?: string | undefined;
  readonly encryptionKey?: string | undefined;
}

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose */
  readonly port: number;
}

export interface Config {
  readonly layout: Layout;
  readonly listen: ListenAddress;
  readonly database: { readonly kind: "embedded" } | { readonly kind: "external"; readonly url: string };
  readonly logLevel: string;
  /** MiB promised to capsules for each MiB that a host has */
  readonly memoryOvercommit: number;
  /** what readers of the metrics have to know; without one they have to be on this machine */
  readonly metricsToken: string | undefined;
  /** origins whose pages may ask in a browser; `*` is any */
  readonly corsOrigins: readonly string[];
  readonly secrets: GivenSecrets;
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
const MAX_PORT = 65_535;
const MIN_SESSION_SECRET = 32;
const ENCRYPTION_KEY = /^[0-9a-f]{64}$/i;
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
    metricsToken: env["WRENN_METRICS_TOKEN"] || undefined,
    corsOrigins: env["WRENN_CORS_ORIGINS"] || undefined,
    sessionSecret: env["JWT_SECRET"] || undefined,
    encryptionKey: env["WRENN_ENCRYPTION_KEY"] || undefined,
  };
}

/** `host:port`, `:port` or `[ipv6]:port` */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, ipv6, host, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > MAX_PORT) return undefined;
  return { host: ipv6 ?? (host || "0.0.0.0"), port };
}

function isPostgresUrl(text: string): boolean {
  return URL.canParse(text) && ["postgres:", "postgresql:"].includes(new URL(text).protocol);
}

/** @throws config_invalid with one sentence for each wrong value */
export function envToConfig(env: Env): Config {
  const problems: string[] = [];
  const check = (ok: boolean, problem: string) => {
    if (!ok) problems.push(problem);
  };

  const listenText = env.listenAddress ?? "127.0.0.1:9725";
  const listen = parseListenAddress(listenText);
  check(
    listen !== undefined,
    `WRENN_CP_LISTEN_ADDR is "${listenText}" but must be host:port, for example 127.0.0.1:9725`,
  );
  check(
    env.databaseUrl === undefined || isPostgresUrl(env.databaseUrl),
    "DATABASE_URL must begin with postgres:// or postgresql://",
  );
  const logLevel = env.logLevel ?? "info";
  check(LOG_LEVELS.includes(logLevel), `LOG_LEVEL is "${logLevel}" but must be one of ${LOG_LEVELS.join(", ")}`);
  const overcommit = Number(env.memoryOvercommit ?? "2");
  check(
    overcommit >= 0.1 && overcommit <= 100,
    `WRENN_MEMORY_OVERCOMMIT is "${env.memoryOvercommit}" but must be a number from 0.1 to 100`,
  );
  check(
    env.metricsToken === undefined || METRICS_TOKEN.test(env.metricsToken),
    "WRENN_METRICS_TOKEN must be 16 or more letters, digits and signs, without blanks",
  );
  const corsOrigins = env.corsOrigins?.split(",").map((origin) => origin.trim()) ?? [];
  for (const origin of corsOrigins) {
    const isOrigin = origin === "*" || (URL.canParse(origin) && new URL(origin).origin === origin);
    check(isOrigin, `WRENN_CORS_ORIGINS has "${origin}", which is no origin such as https://app.example.com`);
  }
  check(
    env.sessionSecret === undefined || env.sessionSecret.length >= MIN_SESSION_SECRET,
    `JWT_SECRET must have ${MIN_SESSION_SECRET} characters or more`,
  );
  check(
    env.encryptionKey === undefined || ENCRYPTION_KEY.test(env.encryptionKey),
    "WRENN_ENCRYPTION_KEY must be 64 hex digits",
  );

  if (problems.length > 0 || listen === undefined) throw new WrennError("config_invalid", problems.join("; "));
  return {
    layout: layoutOf(env.dir ?? "/var/lib/wrenn", env.cacheDir ?? "/var/cache/wrenn"),
    listen,
    database: env.databaseUrl === undefined ? { kind: "embedded" } : { kind: "external", url: env.databaseUrl },
    logLevel,
    memoryOvercommit: overcommit,
    metricsToken: env.metricsToken,
    corsOrigins,
    secrets: { session: env.sessionSecret, encryption: env.encryptionKey?.toLowerCase() },
  };
}
