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
  /** base64 random bytes from the host for the kernel's pool */
  entropy?: string;
  defaultUser?: string;
  defaultWorkdir?: string;
  /** replaces the variables of an earlier init */
  envVars?: Record<string, string>;
}

/** Body of `GET /health`. */
export interface GuestHealth {
  version: string;
}
