/** `wrenn config`: the settings that servers started here and now would have, each secret only as set or not. */
import { cpus } from "node:os";
import { envToConfig, readEnv } from "@wrenn/control-plane/config";
import { envToHostConfig } from "@wrenn/host-agent/config";
import type { Command } from "commander";
import { json, out } from "../output/print.ts";

/** Whole names of settings, or how they end: what they hold is never printed. */
const SECRET = /(secret|secrets|token|pass|password|key|keys|keyPem|session|encryption)$/i;
const HIDDEN = "***";
/** What of an address's query is no secret. */
const PLAIN_QUERY = new Set(["host", "port", "user", "dbname", "sslmode"]);
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

/** Of addresses only what tells where and who is printed: PostgreSQL's take a password in their query, too. */
function withoutPassword(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text;
  if (!URL.canParse(text)) return "set";
  const url = new URL(text);
  if (url.password !== "") url.password = HIDDEN;
  if (url.hash !== "") url.hash = HIDDEN;
  for (const name of [...url.searchParams.keys()]) if (!PLAIN_QUERY.has(name)) url.searchParams.set(name, HIDDEN);
  // A slash that the address had not says nothing.
  return url.href === `${text}/` ? text : url.href;
}

function flatten(value: unknown, prefix = ""): [name: string, value: string][] {
  if (value === null || typeof value !== "object") return [[prefix, String(value)]];
  if (Array.isArray(value) && value.every((item) => typeof item !== "object"))
    return [[prefix, value.join(",") || "none"]];
  return Object.entries(value).flatMap(([name, inner]) => flatten(inner, prefix === "" ? name : `${prefix}.${name}`));
}
