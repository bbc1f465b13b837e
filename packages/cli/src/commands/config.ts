/** `wrenn config`: the settings that servers started here and now would have, each secret only as set or not. */
import { cpus } from "node:os";
import { envToConfig, readEnv } from "@wrenn/control-plane/config";
import { envToHostConfig } from "@wrenn/host-agent/config";
import type { Command } from "commander";
import { json, note, out } from "../output/print.ts";

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
  "WRENN_HOST_ADDRESS",
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
    .description("Print the settings that the environment makes, with what is not set at its default, and no secrets")
    .option("--json", "print them as JSON")
    .action((options: { json?: boolean }) => {
      const settings = effectiveSettings(process.env);
      warnOfUnknown(process.env);
      if (options.json === true) json(settings);
      else for (const [name, value] of flatten(settings)) out(`${name.padEnd(44)} ${value}`);
    });
}

/** @throws config_invalid for what the servers would refuse to start with */
export function effectiveSettings(env: NodeJS.ProcessEnv): Settings {
  const { [PATHS]: layout, ...controlPlane } = envToConfig(readEnv(env));
  const { [PATHS]: _same, ...hostAgent } = envToHostConfig(env, cpus().length);
  return { paths: layout, control_plane: withoutSecrets(controlPlane), host_agent: withoutSecrets(hostAgent) };
}

/** Says on stderr which variables look like settings of Wrenn and are none: a limit that is misspelt is no limit. */
export function warnOfUnknown(env: NodeJS.ProcessEnv): void {
  for (const name of unknownSettings(env)) note(`${name} is no setting of Wrenn: it has no effect`);
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
      const isSecret = SECRET.test(name) && (inner === null || typeof inner !== "object");
      if (isSecret) return [name, inner === undefined || inner === null || inner === "" ? "not set" : "set"];
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
  if (value === null || typeof value !== "object") return [[prefix, String(value)]];
  if (Array.isArray(value) && value.every((item) => typeof item !== "object"))
    return [[prefix, value.join(",") || "none"]];
  return Object.entries(value).flatMap(([name, inner]) => flatten(inner, prefix === "" ? name : `${prefix}.${name}`));
}
