/** The guest agent's plain HTTP: where it is, who may ask what, and what the host sends to make a restored machine itself again. */

/** TCP port of the guest agent inside the capsule. */
export const GUEST_PORT = 49983;
/** The capsule's own address, the same in all of them. */
export const GUEST_ADDRESS = "169.254.0.21";
/** Whom a capsule sees its host as. */
export const GUEST_GATEWAY = "169.254.0.22";

/** Carries the capsule's access token. */
export const ACCESS_TOKEN_HEADER = "x-access-token";
/**
 * Header with the registry code of an error that a host agent answers with, instead of the guest agent it forwards to. It is a
 * header because the clients of a Connect stream do not read the body of an error.
 */
export const ERROR_HEADER = "x-wrenn-error";
/** Paths that only the host may ask for; they need no token. */
export const CONTROL_PATHS: ReadonlySet<string> = new Set(["/init", "/clock", "/snapshot/prepare"]);

/** Header of `process.Process/Start`: with the value `kill`, the process and its group end when nobody waits for the answer any more. */
export const ON_CLOSE_HEADER = "x-on-close";

/** The release of envd that the agent is like, for the clients that choose by it what they may ask for. */
export const ENVD_VERSION = "0.6.13";
/** What the agent can do, counted: grows with everything in it that a host may need. Agents before the second did not say. */
export const AGENT_REVISION = 2;
/** The least that a host can work with without loss: access tokens, all of `process.Process` and `filesystem.Filesystem`, ports. */
export const NEEDED_AGENT_REVISION = 2;
/** Header of the answer to `POST /init`: the agent's revision. */
export const AGENT_REVISION_HEADER = "x-agent-revision";

/** Body of `POST /init`, sent after every restore, before the capsule is called ready. */
export interface GuestInit {
  /** wire id of the capsule; becomes WRENN_SANDBOX_ID */
  sandboxId?: string;
  /** id of the template it came from; becomes WRENN_TEMPLATE_ID */
  templateId?: string;
  /** 32 hexadecimal digits for /etc/machine-id */
  machineId?: string;
  hostname?: string;
  /** counts restores of this capsule, so that programs can notice one */
  generation?: number;
  /** host clock in milliseconds since the epoch, read as late as possible */
  timestampMs?: number;
  /**
   * Milliseconds from the guest's CLOCK_MONOTONIC to the host's epoch. Wins over `timestampMs`: however late the message
   * is read, the clock it sets is right.
   */
  clockOffsetMs?: number;
  /** the root disk has grown: its file system takes the whole of it */
  growDisk?: boolean;
  /** MiB that the root disk has when it has grown: the guest's kernel learns of it a moment later than the agent */
  diskSizeMb?: number;
  /** the host has no room left for what the root disk would take: programs are told so, until it is false again */
  diskFull?: boolean;
  /** base64 random bytes from the host for the kernel's pool */
  entropy?: string;
  /** 16 to 256 visible ASCII characters; replaces an earlier one, which opens nothing from then on */
  accessToken?: string;
  defaultUser?: string;
  defaultWorkdir?: string;
  /** replaces the variables of an earlier init */
  envVars?: Record<string, string>;
}

/** Answer of `GET /clock`, as cheap as can be: the host compares it with its own. */
export interface GuestClock {
  /** CLOCK_MONOTONIC in milliseconds, with fractions */
  monotonicMs: number;
  /** CLOCK_REALTIME in milliseconds since the epoch */
  realtimeMs: number;
}

/** Body of `GET /health`. */
export interface GuestHealth {
  /** of the envd that the agent is like */
  version: string;
  /** of the agent itself; absent in those before the second */
  revision?: number;
}

/** Body of `GET /metrics`. */
export interface GuestMetrics {
  /** seconds since the epoch */
  ts: number;
  cpu_count: number;
  /** of all CPUs together, 0 to 100, since the last time that somebody asked */
  cpu_used_pct: number;
  mem_total_mib: number;
  mem_used_mib: number;
  /** bytes */
  mem_total: number;
  /** bytes that programs and the kernel cannot do without: total less available */
  mem_used: number;
  /** bytes of the page cache, which are given up when memory is needed */
  mem_cache: number;
  /** bytes of the root file system */
  disk_used: number;
  disk_total: number;
}

/** A TCP port that a program of the capsule listens on. */
export interface GuestPort {
  port: number;
  /** as in a URL but without brackets, e.g. 127.0.0.1 or :: */
  address: string;
  /** absent when no process was found that has it open */
  pid?: number;
  /** name of the program, at most 15 bytes */
  process?: string;
}

/** Body of `GET /ports`, and each line of `GET /ports/watch`. */
export interface GuestPorts {
  ports: GuestPort[];
}
