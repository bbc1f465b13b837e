/** The instance of Wrenn that a command talks to: its folders, its configuration, whether it runs, its API. */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { envToHostConfig, type HostConfig } from "@wrenn/host-agent/config";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import { ApiClient } from "./api/client.ts";
import { readSupervisor } from "./supervisor/state.ts";

export interface Instance {
  readonly config: HostConfig;
  readonly layout: Layout;
}

export function localInstance(): Instance {
  const config = envToHostConfig(process.env, cpus().length);
  return { config, layout: config.layout };
}

/** The key of the local user, or undefined before the first start and for those who may not read it. */
export function localApiKey(layout: Layout): string | undefined {
  try {
    return readFileSync(layout.apiKeyFile, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** WRENN_API_URL and WRENN_API_KEY name another server. @throws not_running */
export function apiClient({ layout }: Instance): ApiClient {
  const url = process.env["WRENN_API_URL"] ?? readSupervisor(layout)?.apiUrl;
  if (url === undefined) throw new WrennError("not_running", `Wrenn is not running for ${layout.dir}`);
  const key = process.env["WRENN_API_KEY"] ?? localApiKey(layout) ?? "";
  return new ApiClient({ url, key });
}

/** @throws not_root */
export function requireRoot(what: string): void {
  if (process.getuid?.() !== 0) throw new WrennError("not_root", `${what} must run as root`);
}
