/**
 * The closed registry of errors: every failure that a client, an operator or another process of Wrenn can see.
 * A code is for ever: retire it, never reuse it.
 */

export interface ErrorSpec {
  /** HTTP status of the REST API */
  readonly status: number;
  /** whether the same request may succeed later without being changed */
  readonly retryable: boolean;
  /** what the reader can do about it, shown by the CLI */
  readonly suggestion?: string;
  /** the broader code that clients of the REST API know; the precise one then stands beside it as `reason` */
  readonly wire?: "agent_error" | "no_hosts_available";
}

const RETRY = true;
const FINAL = false;

function spec(status: number, retryable: boolean, suggestion?: string, wire?: ErrorSpec["wire"]): ErrorSpec {
  return {
    status,
    retryable,
    ...(suggestion === undefined ? {} : { suggestion }),
    ...(wire === undefined ? {} : { wire }),
  };
}

export const ERRORS = {
  // What a caller did wrong.
  invalid_request: spec(400, FINAL),
  unauthorized: spec(
    401,
    FINAL,
    "Pass a valid key in the X-API-Key header; `wrenn status --json` prints the local one.",
  ),
  forbidden: spec(403, FINAL),
  not_found: spec(404, FINAL),
  conflict: spec(409, FINAL),
  invalid_state: spec(409, FINAL),
  name_reserved: spec(409, FINAL, "Choose a name that no base template has."),
  template_name_taken: spec(409, FINAL, "Choose another name, or delete the snapshot of that name first."),
  snapshot_in_use: spec(409, FINAL, "Destroy the capsules that were started from it first; paused ones count."),
  too_large: spec(413, FINAL),
  unsupported_media_type: spec(415, FINAL),
  range_not_satisfiable: spec(416, FINAL),
  rate_limited: spec(429, RETRY, "Wait as long as the Retry-After header says."),

  // Accounts and teams.
  wrong_password: spec(401, FINAL),
  no_team: spec(403, FINAL, "Switch to a team that you are in."),
  account_not_activated: spec(403, FINAL, "Follow the link in the mail that was sent to you."),
  account_disabled: spec(403, FINAL, "Ask an administrator of the platform."),
  account_deactivated: spec(403, FINAL, "Ask an administrator of the platform."),
  invalid_token: spec(400, FINAL, "Ask for a new link: each is good for one use and for a limited time."),
  already_activated: spec(400, FINAL, "Sign in."),
  last_login_method: spec(400, FINAL, "Set a password or connect another provider first."),
  provider_not_found: spec(404, FINAL),
  email_taken: spec(409, FINAL),
  signup_cooldown: spec(409, FINAL, "Follow the link in the mail that was sent to you, or try again later."),
  owns_team_with_members: spec(409, FINAL, "Give the team to somebody else, or delete it, first."),
  has_active_sandboxes: spec(409, FINAL, "Destroy the capsules first, or use force."),
  quota_exceeded: spec(
    403,
    FINAL,
    "End or delete something, or ask an administrator of the platform to raise the quota of your team if it is one.",
  ),
  not_implemented: spec(501, FINAL),

  // What the platform could not do for a correct request.
  internal_error: spec(500, RETRY, "`wrenn logs` shows what happened."),
  agent_error: spec(502, RETRY),
  delivery_failed: spec(502, RETRY, "Check the address and the credentials of the channel.", "agent_error"),
  exec_timeout: spec(502, FINAL, "Raise timeout_sec, or set it to 0 for no limit.", "agent_error"),
  host_unavailable: spec(503, RETRY, "`wrenn status` shows whether the host agent runs; `wrenn logs` shows why not."),
  no_hosts_available: spec(503, RETRY),
  database_unavailable: spec(503, RETRY),

  // What a host could not do.
  no_free_slot: spec(503, RETRY, "Destroy capsules that are no longer needed.", "no_hosts_available"),
  disk_full: spec(507, RETRY, "Free space on the file system that holds WRENN_DIR."),
  vmm_failed: spec(502, RETRY, "`wrenn logs` shows the messages of the VMM.", "agent_error"),
  boot_timeout: spec(502, RETRY, "The machine may be overloaded: try again.", "agent_error"),
  insufficient_memory: spec(502, RETRY, "Give the capsule more memory, or end what runs in it.", "agent_error"),
  guest_unreachable: spec(502, RETRY, undefined, "agent_error"),
  snapshot_missing: spec(404, FINAL),
  snapshot_corrupt: spec(
    502,
    FINAL,
    "A file of the snapshot was changed or damaged: put it back from a backup. Nothing was removed.",
    "agent_error",
  ),
  snapshot_incompatible: spec(
    502,
    FINAL,
    "Install the version that the message names on this host, or start anew from a base template.",
    "agent_error",
  ),
  template_missing: spec(404, FINAL, "`wrenn setup` builds the base templates."),

  // What is wrong with the box or the installation.
  not_root: spec(500, FINAL, "Run the command as root: it makes network namespaces and TAP devices."),
  unsupported_platform: spec(500, FINAL),
  program_missing: spec(500, FINAL, "Install the programs named, then run `wrenn setup` again."),
  setup_required: spec(500, FINAL, "Run `wrenn setup`."),
  setup_failed: spec(500, RETRY, "Run `wrenn setup` again: it goes on where it stopped."),
  kernel_invalid: spec(500, FINAL, "Remove the file and run `wrenn setup`, or point WRENN_KERNEL to a bzImage."),
  artifact_corrupt: spec(500, FINAL, "Remove the file and run `wrenn setup`: it is made anew."),
  port_in_use: spec(
    500,
    RETRY,
    "Choose another port, with --port (`wrenn up`) or --listen (`wrenn control-plane`), or stop the program that listens there.",
  ),
  already_running: spec(409, FINAL, "`wrenn status` shows the running instance; `wrenn down` stops it."),
  not_running: spec(503, RETRY, "Start it with `wrenn up`."),
  connection_lost: spec(503, RETRY),
  config_invalid: spec(500, FINAL),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERRORS, value);
}

/** The one error class of Wrenn. Its message is written for the reader of the API or the CLI; its cause never leaves the process. */
export class WrennError extends Error {
  override readonly name = "WrennError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get spec(): ErrorSpec {
    return ERRORS[this.code];
  }

  /** Converts anything thrown; a foreign error becomes `code` with a message that says nothing of its text. */
  static from(error: unknown, code: ErrorCode = "internal_error", message = "internal error"): WrennError {
    return error instanceof WrennError ? error : new WrennError(code, message, { cause: error });
  }
}

/** True for a WrennError with one of the codes. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is WrennError {
  return error instanceof WrennError && codes.includes(error.code);
}
