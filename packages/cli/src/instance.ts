/** The instance of Wrenn that a command talks to: its folders, its configuration, whether it runs, its API. */
import { readFileSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { envToHostConfig, type HostConfig } from "@wrenn/host-agent/config";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import { ApiClient } from "./api/client.ts";
import { OR_REMOTE, throwIfDenied } from "./denied.ts";
import { readSupervisor } from "./supervisor/state.ts";

export interface Instance {
  readonly config: HostConfig;
  readonly layout: Layout;
}

export function localInstance(): Instance {
  const config = envToHostConfig(process.env, cpus().length);
  return { config, layout: config.layout };
}

/** The key of the local user, or undefined before the first start. @throws forbidden for those who may not read it */
export function localApiKey({ apiKeyFile }: Layout, otherwise = ""): string | undefined {
  try {
    return readFileSync(apiKeyFile, "utf8").trim();
  } catch (error) {
    throwIfDenied(error, apiKeyFile, otherwise);
    return undefined;
  }
}

/** For commands about capsules: WRENN_API_URL and WRENN_API_KEY name another server. @throws not_running, config_invalid, forbidden */
export function apiClient(instance: Instance): ApiClient {
  const url = process.env["WRENN_API_URL"] || undefined;
  if (url !== undefined && !(URL.canParse(url) && /^https?:\/\//i.test(url))) {
    const message = `WRENN_API_URL is "${url}" but must be an http or https URL, for example http://127.0.0.1:9725`;
    throw new WrennError("config_invalid", message);
  }
  const given = process.env["WRENN_API_KEY"] || undefined;
  const key = () => given ?? localApiKey(instance.layout, OR_REMOTE) ?? noKey();
  return url === undefined ? localClient(instance, key, OR_REMOTE) : new ApiClient({ url, key: key() });
}

function noKey(): never {
  throw new WrennError("config_invalid", "there is no API key on this box: set WRENN_API_KEY to one");
}

/** For commands about this box, which must never reach another server. @throws not_running, forbidden */
export function localApiClient(instance: Instance): ApiClient {
  return localClient(instance, () => localApiKey(instance.layout) ?? "");
}

function localClient({ layout }: Instance, key: () => string, otherwise?: string): ApiClient {
  const url = readSupervisor(layout, otherwise)?.apiUrl;
  if (url === undefined) throw new WrennError("not_running", `Wrenn is not running for ${layout.dir}`);
  return new ApiClient({ url, key: key() });
}

/** @throws not_root */
export function requireRoot(what: string): void {
  if (process.getuid?.() !== 0) throw new WrennError("not_root", `${what} must run as root`);
}

/** Capsules whose machines run, whether the servers do or not. */
export async function countLivingCapsules(layout: Layout): Promise<number> {
  const { findVmms } = await import("@wrenn/host-agent/machines/sweep");
  return (await findVmms(layout.run)).filter(({ machine }) => machine.startsWith("cl-")).length;
}

/** Makes the state folder, open to pass through but not to look into. @throws config_invalid when it cannot be one */
export async function makeStateFolder({ dir }: Layout): Promise<void> {
  const closed = ["/proc", "/sys", "/dev"].find((root) => dir === root || dir.startsWith(`${root}/`));
  if (closed !== undefined)
    throw new WrennError("config_invalid", `WRENN_DIR is ${dir}, and nothing can be kept in ${closed}`);
  try {
    // Folders above it that are missing are ordinary ones: the database's user must pass through them.
    await mkdir(dirname(dir), { recursive: true, mode: 0o755 });
    await mkdir(dir, { mode: 0o711 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST" || statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) {
      const message = `WRENN_DIR is ${dir}, which cannot be a folder (${code})`;
      throw new WrennError("config_invalid", message, { cause: error });
    }
  }
  const above = closedFolderAbove(dir);
  if (above !== undefined && process.env["DATABASE_URL"] === undefined) {
    const message = `WRENN_DIR is ${dir}, and the embedded database's user cannot pass ${above} (mode without o+x)`;
    throw new WrennError("config_invalid", message);
  }
}

/** Makes the folder of logs before a server does; links that sign somebody in may be in them. */
export async function makeLogFolder({ logs }: Layout): Promise<void> {
  await mkdir(logs, { recursive: true, mode: 0o700 });
}

/** The first folder above `dir` that users other than its owner may not pass through. */
export function closedFolderAbove(dir: string): string | undefined {
  for (let folder = dirname(dir); folder !== dirname(folder); folder = dirname(folder)) {
    const found = statSync(folder, { throwIfNoEntry: false });
    if (found !== undefined && (found.mode & 0o001) === 0) return folder;
  }
  return undefined;
}
