/**
 * Where an instance of Wrenn keeps things. Everything that must survive lives below the state folder (WRENN_DIR); sockets
 * live below /run, because a socket's path may have 107 bytes at most; artefacts that depend only on their inputs
 * are shared by all instances of the box in the cache folder.
 */
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export interface Layout {
  /** state folder, absolute */
  readonly dir: string;
  /** 10 hex digits that tell instances of one box apart */
  readonly instance: string;
  /** artefacts by content hash: kernels, images, agent disks */
  readonly cache: string;
  readonly run: string;
  readonly logs: string;
  readonly machines: string;
  readonly templates: string;
  /** named snapshots and checkpoints, by id */
  readonly snapshots: string;
  /** empty disk layers to copy, by size */
  readonly overlays: string;
  readonly postgres: string;
  /** JSON of the running supervisor */
  readonly supervisorFile: string;
  readonly apiKeyFile: string;
  /** of the administrator that an instance on one box has from its first start */
  readonly adminPasswordFile: string;
  /** JSON of what the control plane signs and encrypts with */
  readonly secretsFile: string;
  /** JSON of the certificate authority of an instance that was given none */
  readonly authorityFile: string;
  /** the one id that no other instance has, on whatever box */
  readonly instanceFile: string;
  /** JSON of what a host agent proves itself with to the control plane that it is enrolled at */
  readonly hostCredentialsFile: string;
}

/** Claims of network slots, shared by all instances of the box. */
export const SLOT_CLAIMS = "/run/wrenn/slots";

export function layoutOf(stateDir: string, cacheDir: string): Layout {
  const dir = realPath(resolve(stateDir));
  const instance = createHash("sha256").update(dir).digest("hex").slice(0, 10);
  const run = `/run/wrenn/${instance}`;
  return {
    dir,
    instance,
    cache: resolve(cacheDir),
    run,
    logs: `${dir}/logs`,
    machines: `${dir}/machines`,
    templates: `${dir}/templates`,
    snapshots: `${dir}/snapshots`,
    overlays: `${dir}/overlays`,
    postgres: `${dir}/postgres`,
    supervisorFile: `${dir}/supervisor.json`,
    apiKeyFile: `${dir}/api-key`,
    adminPasswordFile: `${dir}/admin-password`,
    secretsFile: `${dir}/secrets.json`,
    authorityFile: `${dir}/authority.json`,
    instanceFile: `${dir}/instance-id`,
    hostCredentialsFile: `${dir}/host-credentials.json`,
  };
}

/** One folder is one instance, however it is named: links are followed as far as the path exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === "/" ? path : join(realPath(dirname(path)), basename(path));
  }
}
