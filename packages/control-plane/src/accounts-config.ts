/** The part of the configuration that is about accounts: mail, the first administrator, sign-in through GitHub, rate limits. */
import { isIP } from "node:net";
import { emailSchema, PASSWORD } from "@wrenn/protocol/rest/accounts";
import { isHost } from "@wrenn/runtime/listen-address";
import type { RateLimits } from "./api/rate-limits.ts";
import type { AdminConfig } from "./identity/local-admin.ts";
import type { GithubConfig } from "./identity/oauth/github.ts";
import { SMTP_TLS, type SmtpConfig } from "./mail/smtp.ts";

const VARIABLES = {
  publicUrl: "CP_PUBLIC_URL",
  smtpHost: "SMTP_HOST",
  smtpPort: "SMTP_PORT",
  smtpUsername: "SMTP_USERNAME",
  smtpPassword: "SMTP_PASSWORD",
  smtpFrom: "SMTP_FROM_EMAIL",
  smtpTls: "SMTP_TLS",
  adminEmail: "WRENN_ADMIN_EMAIL",
  adminPassword: "WRENN_ADMIN_PASSWORD",
  localAdmin: "WRENN_LOCAL_ADMIN",
  githubClientId: "OAUTH_GITHUB_CLIENT_ID",
  githubClientSecret: "OAUTH_GITHUB_CLIENT_SECRET",
  githubUrl: "OAUTH_GITHUB_URL",
  githubApiUrl: "OAUTH_GITHUB_API_URL",
  oauthRedirectUrl: "OAUTH_REDIRECT_URL",
  limitPerKey: "WRENN_RATE_LIMIT_PER_KEY",
  limitLogin: "WRENN_RATE_LIMIT_LOGIN",
  limitLoginAddress: "WRENN_RATE_LIMIT_LOGIN_ADDRESS",
  limitInvite: "WRENN_RATE_LIMIT_INVITE",
  limitSignup: "WRENN_RATE_LIMIT_SIGNUP",
  limitReset: "WRENN_RATE_LIMIT_RESET",
  trustedProxies: "WRENN_TRUSTED_PROXIES",
  limitSearch: "WRENN_RATE_LIMIT_SEARCH",
  limitChannelTest: "WRENN_RATE_LIMIT_CHANNEL_TEST",
} as const;

type Name = keyof typeof VARIABLES;
export type AccountsEnv = Readonly<Partial<Record<Name, string | undefined>>>;

export interface AccountsConfig {
  /** where users reach the platform, without a slash at its end; undefined is where the server listens */
  readonly publicUrl: string | undefined;
  /** where the dashboard is; undefined is the public URL */
  readonly dashboardUrl: string | undefined;
  /** undefined sends no mail and prints links in the log */
  readonly smtp: SmtpConfig | undefined;
  readonly admin: AdminConfig | undefined;
  readonly github: GithubConfig | undefined;
  readonly rateLimits: RateLimits;
  /** addresses and networks whose word of a request's source address counts */
  readonly trustedProxies: readonly string[];
}

/** Notes `problem` unless it is `ok`. */
export type Check = (ok: boolean, problem: string) => void;

/** An empty variable counts as one that is not set. */
export function readAccountsEnv(env: NodeJS.ProcessEnv): AccountsEnv {
  return Object.fromEntries(Object.entries(VARIABLES).map(([name, variable]) => [name, env[variable] || undefined]));
}

/** @param host that the server listens on */
export function accountsConfig(env: AccountsEnv, host: string, check: Check): AccountsConfig {
  const url = (name: Name) => {
    const text = env[name];
    const problem = text === undefined ? undefined : urlProblem(text);
    check(problem === undefined, `${VARIABLES[name]} ${problem}`);
    return text?.replace(/\/+$/, "");
  };
  const count = (name: Name, fallback: number, max = 1_000_000) => {
    const text = env[name] ?? `${fallback}`;
    const ok = /^\d{1,7}$/.test(text) && Number(text) >= 1 && Number(text) <= max;
    check(ok, `${VARIABLES[name]} is "${text}" but must be a whole number from 1 to ${max}`);
    return Number(text);
  };
  const together = (one: Name, other: Name) => {
    const both = (env[one] === undefined) === (env[other] === undefined);
    check(both, `${VARIABLES[one]} and ${VARIABLES[other]} must be set together`);
  };
  const trustedProxies = (env.trustedProxies ?? "").split(",").flatMap((text) => text.trim() || []);
  check(
    trustedProxies.every(isNetwork),
    "WRENN_TRUSTED_PROXIES must be IP addresses and networks with commas between them, for example 10.0.0.1, 10.1.0.0/16",
  );
  together("smtpUsername", "smtpPassword");
  together("smtpHost", "smtpFrom");
  together("githubClientId", "githubClientSecret");
  together("adminEmail", "adminPassword");
  const [publicUrl, dashboardUrl] = [url("publicUrl"), url("oauthRedirectUrl")];
  checkPublicUrl(env, publicUrl, dashboardUrl, check);
  return {
    publicUrl,
    dashboardUrl,
    smtp: smtpConfig(env, count("smtpPort", 587, 65_535), check),
    admin: adminConfig(env, host, check),
    github: githubConfig(env, url("githubUrl"), url("githubApiUrl")),
    trustedProxies,
    rateLimits: {
      perKeyPerSecond: count("limitPerKey", 1000),
      loginPerMinute: count("limitLogin", 10),
      loginPerAddressPerMinute: count("limitLoginAddress", 60),
      signupPerMinute: count("limitSignup", 5),
      resetPerMinute: count("limitReset", 5),
      searchPerMinute: count("limitSearch", 30),
      invitationsPerHour: count("limitInvite", 100),
      channelTestPerMinute: count("limitChannelTest", 10),
    },
  };
}

/** What is wrong with the beginning of URLs: paths are put behind it. */
function urlProblem(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text)) return "must begin with http:// or https://";
  if (!URL.canParse(text) || /\s/.test(text)) return "is no valid URL, such as https://wrenn.example.com";
  const { username, password } = new URL(text);
  const isBare = username === "" && password === "" && !/[?#]/.test(text);
  return isBare ? undefined : "must be a URL without user, query and fragment";
}

/** Links that leave this box have to lead back to it, and cookies that the control plane sets are read by pages of its own origin only. */
function checkPublicUrl(
  { smtpHost, smtpFrom, githubClientId, githubClientSecret }: AccountsEnv,
  publicUrl: string | undefined,
  dashboardUrl: string | undefined,
  check: Check,
): void {
  // Half of either is told by itself.
  const mail = smtpHost !== undefined && smtpFrom !== undefined;
  const github = githubClientId !== undefined && githubClientSecret !== undefined;
  const wanted = mail ? "SMTP_HOST" : "OAUTH_GITHUB_CLIENT_ID";
  check(
    publicUrl !== undefined || !(mail || github),
    `CP_PUBLIC_URL must be set with ${wanted}: links would lead to the address that the API listens on`,
  );
  const origins = [publicUrl, dashboardUrl].map((url) => (url && URL.canParse(url) ? new URL(url).origin : undefined));
  check(
    !github || publicUrl === undefined || dashboardUrl === undefined || origins[0] === origins[1],
    "OAUTH_REDIRECT_URL must have the origin of CP_PUBLIC_URL: other pages cannot read the cookies of a sign-in",
  );
}

/** What a header that mails begin with cannot take for two addresses, or for something else. */
const ADDRESS = /^[^\s@<>()[\]\\,;:"]+@([^\s@]+)$/;
const NAMED = /^(?:[^<>()[\]\\,;:"@\p{Cc}]*|"[^"\\\p{Cc}]*")\s*<([^<>]*)>$/u;

/** `a@example.com`, or `Name <a@example.com>` */
function isSender(text: string): boolean {
  const [, address = text.trim()] = NAMED.exec(text.trim()) ?? [];
  const [, domain] = ADDRESS.exec(address) ?? [];
  return domain !== undefined && isHost(domain);
}

function smtpConfig(
  { smtpHost, smtpFrom, smtpUsername, smtpPassword, smtpTls }: AccountsEnv,
  port: number,
  check: Check,
): SmtpConfig | undefined {
  const tls = SMTP_TLS.find((one) => one === smtpTls);
  check(
    smtpTls === undefined || tls !== undefined,
    `SMTP_TLS is "${smtpTls}" but must be one of ${SMTP_TLS.join(", ")}`,
  );
  const isName = smtpHost === undefined || isHost(smtpHost);
  check(isName, `SMTP_HOST is "${smtpHost}" but must be a name or an IP address, for example mail.example.com`);
  check(
    smtpFrom === undefined || isSender(smtpFrom),
    `SMTP_FROM_EMAIL is "${smtpFrom}" but must be an address, or Name <address>`,
  );
  if (smtpHost === undefined || smtpFrom === undefined) return undefined;
  const auth = smtpUsername === undefined ? undefined : { user: smtpUsername, pass: smtpPassword ?? "" };
  return {
    host: smtpHost,
    port,
    tls: tls ?? (auth === undefined ? "opportunistic" : "required"),
    auth,
    from: smtpFrom,
  };
}

function adminConfig(
  { adminEmail, adminPassword, localAdmin }: AccountsEnv,
  host: string,
  check: Check,
): AdminConfig | undefined {
  if (adminEmail !== undefined && adminPassword !== undefined) {
    const { data: email } = emailSchema.safeParse(adminEmail);
    check(email !== undefined, "WRENN_ADMIN_EMAIL must be an e-mail address");
    const { length } = adminPassword;
    check(
      length >= PASSWORD.min && length <= PASSWORD.max,
      `WRENN_ADMIN_PASSWORD must have ${PASSWORD.min} to ${PASSWORD.max} characters`,
    );
    return { kind: "given", email: email ?? "", password: adminPassword };
  }
  return localAdmin !== undefined && isLoopback(host) ? { kind: "local" } : undefined;
}

function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const max = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= max);
  return max > 0 && fits && rest.length === 0;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function githubConfig(
  { githubClientId, githubClientSecret }: AccountsEnv,
  url = "https://github.com",
  apiUrl = "https://api.github.com",
): GithubConfig | undefined {
  if (githubClientId === undefined || githubClientSecret === undefined) return undefined;
  return { clientId: githubClientId, clientSecret: githubClientSecret, url, apiUrl };
}
