/** What a failed call to a host agent means for the caller of the API. */

import { fromConnectError } from "@wrenn/protocol/connect-errors";
import { hasCode, WrennError } from "@wrenn/protocol/errors";

const PEER = "the host agent";
const LOST = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ERR_STREAM_PREMATURE_CLOSE"]);

/** A connection that cannot be made or breaks is host_unavailable; otherwise the error that the host agent sent. */
export function hostError(error: unknown): WrennError {
  const known = fromConnectError(error, PEER);
  if (!hasCode(known, "agent_error", "host_unavailable")) return known;
  for (let link = error; link instanceof Error; link = link.cause) {
    if (hasCode(link, "host_unavailable")) return link;
    const { code } = link as { code?: unknown };
    if (typeof code === "string" && (LOST.has(code) || code.startsWith("ERR_SSL"))) {
      return new WrennError("host_unavailable", `${PEER} does not answer`, { cause: error });
    }
  }
  return known;
}
