/** An error as clients see it, in answers and in streams. */
import type { WrennError } from "@wrenn/protocol/errors";
import type { ErrorEnvelope } from "@wrenn/protocol/rest/common";
import { HostInUse } from "../hosts/host-in-use.ts";

/** What the client reads. An internal error says nothing of what happened; its log line with the request id does. */
export function toEnvelope(error: WrennError): ErrorEnvelope {
  const message = error.code === "internal_error" ? "internal error" : error.message;
  const { wire } = error.spec;
  if (error instanceof HostInUse) {
    const { sandboxIds: sandbox_ids } = error;
    return { error: { code: error.code, message, sandbox_ids }, sandbox_ids };
  }
  return { error: wire === undefined ? { code: error.code, message } : { code: wire, message, reason: error.code } };
}
