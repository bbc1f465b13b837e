/** `wrenn config`: the settings that `wrenn up` would start its servers with here and now, each secret only as set or not. */
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { type Config, envToConfig, readEnv } from "@wrenn/control-plane/config";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { BASE_TEMPLATES } from "@wrenn/protocol/limits";
import type { Layout } from "@wrenn/runtime/layout";
import type { Command } from "commander";
import { json, note, out } from "../output/print.ts";
import { checkSettings } from "../settings.ts";
import { supervisedEnv } from "../supervisor/environment.ts";
import { readSupervisor } from "../supervisor/state.ts";
import { variablesOf } from "./config-variables.ts";

/** Whole names of settings, or how they end: what they hold is never printed. */
const SECRET = /(secret|secrets|token|pass|password|key|keys|keyPem|session|encryption)$/i;
const HIDDEN = "***";
/** Parameters of URLs that are shown: where a database is, and how it is reached. */
const PUBLIC_PARAMETERS = new Set(["host", "port", "user", "dbname", "sslmode", "application_name"]);
/** Settings of the commands themselves, of tests, and what the servers tell each other. */
const OTHER_SETTINGS = new Set([
  "WRENN_API_KEY",
  "WRENN_API_URL",
  "WRENN_SUPERVISED",
  "WRENN_SUPERVISED_HOST",
  "WRENN_REGISTER_TOKEN",
  "WRENN_GUEST_SOURCES",
  "WRENN_FUZZ_SEED",
  "WRENN_SANDBOX",
  "WRENN_SANDBOX_ID",
  "WRENN_TEMPLATE_ID",
]);
/** Where things lie is no secret. */
const PATHS = "layout";

type Settings = Record<string, unknown>;

export function configCommand(program: Command): void {
  program
    .command("config")
    .description("Print what `wrenn up` would start with here and now, which variable makes what, and no secrets")
    .option("--json", "print them as JSON")
    .action((options: { json?: boolean }) => {
      const settings = effectiveSettings(process.env);
      warnOfUnknown(process.env);
      noteRunning(envToConfig(readEnv(process.env)).layout);
      if (options.json === true) json(settings);
      else for (const line of asLines(settings)) out(line);
    });
}

/** What runs was told its settings when it was started, by another environment and options of its own. */
function noteRunning(layout: Layout): void {
  const running = readSupervisor(layout);
  if (running === undefined) return;
  note(`This is what a start here and now would have. Wrenn already runs for ${layout.dir}, at ${running.apiUrl}:`);
  note("it may have been started with other options and another environment, and keeps those.");
}

export function asLines(settings: Settings): string[] {
  const rows = flatten(settings).map(([name, value]) => [name, value, variablesOf(name)] as const);
  const [name, value] = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    `${row[0].padEnd(name ?? 0)}  ${row[1].padEnd(Math.min(value ?? 0, 40))}  ${row[2]}`.trimEnd(),
  );
}

/** @throws config_invalid for what the servers would refuse to start with */
export function effectiveSettings(env: NodeJS.ProcessEnv): Settings {
  const given = checkSettings(env);
  const supervised = supervisedEnv(env, given.layout);
  const { [PATHS]: layout, ...controlPlane } = envToConfig(readEnv(supervised));
  const { [PATHS]: _same, ...hostAgent } = envToHostConfig(supervised, cpus().length);
  const shown = withoutSecrets(controlPlane) as Settings;
  return { paths: layout, control_plane: { ...shown, ...origins(given) }, host_agent: withoutSecrets(hostAgent) };
}

/** Where what there always is comes from. */
function origins({ secrets, authority, layout }: Config): Settings {
  const origin = (given: unknown, variables: string, file: string) => {
    if (given !== undefined) return `from ${variables}`;
    return existsSync(file) ? `from ${file}` : `made at the first start, in ${file}`;
  };
  return {
    secrets: {
      session: origin(secrets.session, "JWT_SECRET", layout.secretsFile),
      encryption: origin(secrets.encryption, "WRENN_ENCRYPTION_KEY", layout.secretsFile),
    },
    authority: origin(authority, "WRENN_CA_CERT and WRENN_CA_KEY", layout.authorityFile),
  };
}

/** Says on stderr what looks like settings of Wrenn and has no effect: a limit that is misspelt is no limit. */
export function warnOfUnknown(env: NodeJS.ProcessEnv): void {
  for (const name of unknownSettings(env)) note(`${name} is no setting of Wrenn: it has no effect`);
  for (const name of unknownTemplates(env))
    note(
      `WRENN_WARM_POOL names ${name}, which is no base template: none is kept running (there is ${BASE_TEMPLATES.join(", ")})`,
    );
}

function unknownTemplates(env: NodeJS.ProcessEnv): Set<string> {
  const names = envToHostConfig(env, cpus().length).warmPool.map(({ template }) => template);
  return new Set(names.filter((name) => !BASE_TEMPLATES.some((template) => template === name)));
}

/** Variables whose names begin as settings do, and that nothing reads. @throws config_invalid */
export function unknownSettings(env: NodeJS.ProcessEnv): string[] {
  const read = new Set(OTHER_SETTINGS);
  const recording = new Proxy(env, {
    get(target, name) {
      read.add(String(name));
      return target[String(name)];
    },
  });
  readEnv(recording);
  envToHostConfig(recording, cpus().length);
  const own = (name: string) => name.startsWith("WRENN_") && !name.startsWith("WRENN_TEST_");
  return Object.keys(env).filter((name) => own(name) && !read.has(name));
}

function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return withoutPassword(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (SECRET.test(name) && typeof inner === "string") return [name, inner === "" ? "not set" : "set"];
      return [name, inner === undefined ? "not set" : withoutSecrets(inner)];
    }),
  );
}

/** Of URLs only what is known to be none: a password may stand before the host or, as PostgreSQL's clients take it, in the query. */
function withoutPassword(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text;
  if (!URL.canParse(text)) return "set";
  const url = new URL(text);
  const shown = [...url.searchParams].map(([name, value]) => `${name}=${PUBLIC_PARAMETERS.has(name) ? value : HIDDEN}`);
  if (url.password === "" && shown.length === 0 && url.hash === "") return text;
  if (url.password !== "") url.password = HIDDEN;
  url.hash = "";
  url.search = shown.join("&");
  return url.href;
}

function flatten(value: unknown, prefix = ""): [name: string, value: string][] {
  if (value === null) return [[prefix, "none"]];
  if (typeof value !== "object") return [[prefix, `${value as string | number | boolean}`]];
  if (Array.isArray(value) && value.every((item) => typeof item !== "object"))
    return [[prefix, value.join(",") || "none"]];
  return Object.entries(value).flatMap(([name, inner]) => flatten(inner, prefix === "" ? name : `${prefix}.${name}`));
}
