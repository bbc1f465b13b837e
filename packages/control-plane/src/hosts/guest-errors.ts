/** What a failed call to the agent inside a capsule means for the caller of the API. */
import type { IncomingHttpHeaders } from "node:http";
import { fromConnectError } from "@wrenn/protocol/connect-errors";
import { type ErrorCode, hasCode, isErrorCode, WrennError } from "@wrenn/protocol/errors";
import { ERROR_HEADER } from "@wrenn/protocol/guest-http";

const PEER = "the capsule's agent";
/** Characters of a message from inside a capsule that are shown. */
const MAX_MESSAGE = 2000;

/** Nobody listens where the host agent should. */
const NO_HOST = new Set(["ENOENT", "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
const BROKEN = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ERR_STREAM_PREMATURE_CLOSE", "UND_ERR_SOCKET"]);

/** What a host agent says in its own name; to a stream it has no more to say than the code. */
const OF_HOST: Partial<Record<ErrorCode, string>> = {
  not_found: "the capsule is not on its host",
  invalid_state: "capsule is not running",
  guest_unreachable: `${PEER} does not answer; what was asked may have been done`,
};

/** What the agent may say. A hostile guest cannot speak for the host or the platform: anything else is a failure of its agent. */
const OF_AGENT: ReadonlySet<ErrorCode> = new Set([
  "invalid_request",
  "forbidden",
  "not_found",
  "conflict",
  "too_large",
  "unsupported_media_type",
  "range_not_satisfiable",
  "not_implemented",
  "disk_full",
  "insufficient_memory",
]);

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

/**
 * The error of a Connect call, or of a connection that cannot be made or broke. An error of the registry inside was thrown on
 * this side of the connection, by the host's refusal or a limit.
 */
export function guestError(error: unknown): WrennError {
  for (let link = error; link instanceof Error; link = link.cause) {
    if (link instanceof WrennError) return link;
    const { code } = link as { code?: unknown };
    if (typeof code !== "string") continue;
    if (NO_HOST.has(code))
      return new WrennError("host_unavailable", "the host agent does not answer", { cause: error });
    if (BROKEN.has(code)) return connectionBroke(error);
  }
  return errorOfAgent(error);
}

function errorOfAgent(error: unknown): WrennError {
  const said = fromConnectError(error, PEER);
  const message = said.message.slice(0, MAX_MESSAGE);
  // Only the host knows that a capsule does not run; a call that it refuses for that is made again.
  const code = said.code === "invalid_state" ? "conflict" : said.code;
  if (OF_AGENT.has(code)) return new WrennError(code, message, { cause: error });
  const failure = code === "agent_error" ? message : `${PEER} failed: ${message}`;
  return new WrennError("agent_error", failure, { cause: error });
}

export function connectionBroke(cause?: unknown): WrennError {
  return new WrennError("guest_unreachable", "the connection to the capsule broke", { cause });
}

export function sentTooMuch(): WrennError {
  return new WrennError("agent_error", `${PEER} sent more than it may`);
}

/** A range that is not in the file. */
export class RangeNotSatisfiable extends WrennError {
  /** the header that says how long the file is, for clients that go on where they stopped; undefined when the agent did not */
  readonly contentRange: string | undefined;

  constructor(message: string, contentRange: string | undefined) {
    super("range_not_satisfiable", message);
    this.contentRange = contentRange;
  }
}

/** The error of a plain HTTP answer. @param body what it said, `{code, message}` as JSON */
export function guestHttpError(status: number, headers: IncomingHttpHeaders, body: string): WrennError {
  const header = headers[ERROR_HEADER];
  const code = isErrorCode(header) ? header : BY_STATUS[status];
  if (code === undefined) return new WrennError("agent_error", `${PEER} answered with status ${status}`);
  const message = messageOf(body) ?? `${PEER} refused with status ${status}`;
  if (code === "range_not_satisfiable") return new RangeNotSatisfiable(message, rangeOf(headers));
  return new WrennError(code, message);
}

function rangeOf({ "content-range": range = "" }: IncomingHttpHeaders): string | undefined {
  return /^bytes \*\/\d{1,19}$/.test(range) ? range : undefined;
}

function messageOf(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === "string" ? message.slice(0, MAX_MESSAGE) : undefined;
  } catch {
    return undefined;
  }
}

/** What the host says in `ERROR_HEADER` of an answer; undefined when it says nothing. */
export function hostRefusal(header: string | null): WrennError | undefined {
  if (!isErrorCode(header)) return undefined;
  return new WrennError(header, OF_HOST[header] ?? "the host agent refused the call");
}

/** True when what was meant is gone by itself: the process ended, the file is away. */
export function isGone(error: unknown): boolean {
  return hasCode(guestError(error), "not_found");
}
