/** The plain HTTP routes of the guest agent: what the host sends to make a restored machine itself again. */

/** TCP port of the guest agent inside the capsule. */
export const GUEST_PORT = 49983;

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
  /** the host has no room left for what the root disk would take: programs are told so, until it is false again */
  diskFull?: boolean;
  /** base64 random bytes from the host for the kernel's pool */
  entropy?: string;
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
  version: string;
}
