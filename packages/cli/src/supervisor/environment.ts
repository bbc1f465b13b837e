/** What each server gets of the environment: the host agent nothing that only the control plane reads, its secrets above all. */
import type { Layout } from "@wrenn/runtime/layout";

/** Names, and beginnings of names with a star. */
const OF_CONTROL_PLANE = [
  "DATABASE_URL",
  "JWT_SECRET",
  "PG*",
  "SMTP_*",
  "OAUTH_*",
  "CP_*",
  "WRENN_CP_LISTEN_ADDR",
  "WRENN_ENCRYPTION_KEY",
  "WRENN_CA_*",
  "WRENN_ADMIN_*",
  "WRENN_LOCAL_*",
  "WRENN_METRICS_TOKEN",
  "WRENN_CORS_ORIGINS",
  "WRENN_WEBHOOK_ALLOW",
  "WRENN_BYOC_ALLOW",
  "WRENN_NEW_SECRETS",
  "WRENN_RATE_LIMIT_*",
  "WRENN_TRUSTED_PROXIES",
  "WRENN_TEAM_*",
  "WRENN_MEMORY_OVERCOMMIT",
  "WRENN_CPU_OVERCOMMIT",
  "WRENN_DISK_OVERCOMMIT",
  "WRENN_API_*",
];

/** What `wrenn up` adds to the environment that it is started in. @param port of the API on loopback, where it is given */
export function supervisedEnv(env: NodeJS.ProcessEnv, layout: Layout, port?: number): NodeJS.ProcessEnv {
  return {
    ...env,
    WRENN_DIR: layout.dir,
    WRENN_CACHE_DIR: layout.cache,
    WRENN_LOCAL_ADMIN: "1",
    // A box that is no host of its own may be one of another platform, which enrols it as any other.
    WRENN_SUPERVISED_HOST: env["WRENN_LOCAL_HOST"] === "0" ? "0" : "1",
    ...(port === undefined ? {} : { WRENN_CP_LISTEN_ADDR: `127.0.0.1:${port}` }),
  };
}

export function hostAgentEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isOfControlPlane(name)));
}

function isOfControlPlane(name: string): boolean {
  return OF_CONTROL_PLANE.some((own) => (own.endsWith("*") ? name.startsWith(own.slice(0, -1)) : name === own));
}
