/** The deadline that a Connect client announces. */
import type { IncomingHttpHeaders } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";

/** Milliseconds; undefined when there is none. @throws invalid_request for a header that is no positive integer of at most 10 digits */
export function timeoutOf(headers: IncomingHttpHeaders): number | undefined {
  const text = headers["connect-timeout-ms"];
  if (text === undefined) return undefined;
  if (typeof text === "string" && /^\d{1,10}$/.test(text)) return Number(text) || undefined;
  throw new WrennError("invalid_request", "the header connect-timeout-ms must be an integer of at most 10 digits");
}
