/** An error as a message of a stream. */
import type { WrennError } from "@wrenn/protocol/errors";
import type { ErrorMessage } from "@wrenn/protocol/rest/streams";
import { toEnvelope } from "../envelope.ts";

/** @param fatal it is the last message */
export function errorMessage(error: WrennError, fatal = false): ErrorMessage {
  const { code, message, reason } = toEnvelope(error).error;
  return {
    type: "error",
    data: message,
    code,
    ...(reason === undefined ? {} : { reason }),
    ...(fatal ? { fatal: true } : {}),
  };
}
