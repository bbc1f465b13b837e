/** Bounds of what a capsule may be; the same numbers validate requests, configuration and RPCs. */
export const LIMITS = {
  vcpus: { min: 1, max: 32, default: 1 },
  /** MiB; a guest of 144 boots and then kills programs for memory, one of 192 has 65 left for them */
  memoryMb: { min: 192, max: 262_144, default: 512 },
  /** seconds */
  timeoutSec: { min: 0, max: 30 * 24 * 3600, default: 0 },
  /** MiB; the base images hold file systems of the smallest size */
  diskSizeMb: { min: 5120, max: 1024 * 1024, default: 5120 },
  /** copies that one fork makes */
  forkCount: { min: 1, max: 64, default: 1 },
  /** seconds that a request waits for a capsule that it wakes */
  wakeTimeoutSec: 60,
  /** seconds a foreground command may take when the caller does not say */
  execTimeoutSec: { min: 0, max: 7 * 24 * 3600, default: 30 },
  /** seconds that a background command is waited for to read its input */
  backgroundInputSec: 60,
  /** bytes of stdout and stderr together that a foreground exec returns */
  execOutputBytes: 16 * 1024 * 1024,
  /** bytes of a JSON request body */
  jsonBodyBytes: 512 * 1024,
  /** that a process can be given */
  variables: 4096,
  /** bytes of a file that is written in one piece; streams have no limit */
  fileWriteBytes: 100 * 1024 * 1024,
  /** tags of one host, and tags that one create asks for */
  hostTags: 32,
  /** of one team */
  teamApiKeys: 1000,
  teamChannels: 100,
  teamHosts: 1000,
  /** that nobody has answered yet */
  teamInvitations: 1000,
  /** that one user owns */
  userTeams: 100,
  /** of one user: another one ends the oldest */
  userSessions: 100,
  /** seconds that a WebSocket's client has to say who it is */
  authTimeoutSec: 5,
  /** bytes of one message of a WebSocket's client */
  webSocketMessageBytes: 1024 * 1024,
} as const;

export const DEFAULT_TEMPLATE = "minimal";

/** What capsules start from that are made by Wrenn itself. */
export const BASE_TEMPLATES = [DEFAULT_TEMPLATE] as const;

/** Names of templates, snapshots and channels. */
export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/;
