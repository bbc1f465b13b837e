/** What a failed call to the agent inside a capsule means for the caller of the API. */
import { ConnectError } from "@connectrpc/connect";
import { fromConnectError } from "@wrenn/protocol/connect-errors";
import { type ErrorCode, hasCode, isErrorCode, WrennError } from "@wrenn/protocol/errors";
import { ERROR_HEADER } from "@wrenn/protocol/guest-http";

const PEER = "the capsule's agent";
/** Characters of a message from inside a capsule that are shown. */
const MAX_MESSAGE = 2000;

/** Nobody listens where the host agent should. */
const NO_HOST = new Set(["ENOENT", "ECONNREFUSED"]);
const BROKEN = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ERR_STREAM_PREMATURE_CLOSE", "UND_ERR_SOCKET"]);

/** What a host agent says in its own name; to a stream it has no more to say than the code. */
const OF_HOST: Partial<Record<ErrorCode, string>> = {
  not_found: "the capsule is not on its host",
  invalid_state: "capsule is not running",
  guest_unreachable: `${PEER} does not answer`,
};

const BY_STATUS: Partial<Record<number, ErrorCode>> = {
  400: "invalid_request",
  403: "forbidden",
  404: "not_found",
  406: "invalid_request",
  409: "conflict",
  413: "too_large",
  415: "unsupported_media_type",
  416: "range_not_satisfiable",
  501: "not_implemented",
  507: "disk_full",
};

/** The error of a Connect call, or of a connection that cannot be made or broke. */
export function guestError(error: unknown): WrennError {
  if (error instanceof WrennError) return error;
  const ofHost = error instanceof ConnectError ? errorOfHost(error.metadata.get(ERROR_HEADER)) : undefined;
  if (ofHost !== undefined) return ofHost;
  for (let link = error; link instanceof Error; link = link.cause) {
    const { code } = link as { code?: unknown };
    if (typeof code !== "string") continue;
    if (NO_HOST.has(code))
      return new WrennError("host_unavailable", "the host agent does not answer", { cause: error });
    if (BROKEN.has(code)) return connectionBroke(error);
  }
  const known = fromConnectError(error, PEER);
  return known.message.length <= MAX_MESSAGE ? known : new WrennError(known.code, known.message.slice(0, MAX_MESSAGE));
}

export function connectionBroke(cause?: unknown): WrennError {
  return new WrennError("guest_unreachable", "the connection to the capsule broke", { cause });
}

/** The error of a plain HTTP answer. @param body what it said, `{code, message}` as JSON */
export function guestHttpError(status: number, header: unknown, body: string): WrennError {
  const code = isErrorCode(header) ? header : BY_STATUS[status];
  if (code === undefined) return new WrennError("agent_error", `${PEER} answered with status ${status}`);
  return new WrennError(code, messageOf(body) ?? `${PEER} refused with status ${status}`);
}

function messageOf(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === "string" ? message.slice(0, MAX_MESSAGE) : undefined;
  } catch {
    return undefined;
  }
}

function errorOfHost(header: unknown): WrennError | undefined {
  if (!isErrorCode(header)) return undefined;
  return new WrennError(header, OF_HOST[header] ?? "the host agent refused the call");
}

/** True when what was meant is gone by itself: the process ended, the file is away. */
export function isGone(error: unknown): boolean {
  return hasCode(guestError(error), "not_found");
}
