/** The id that ties an answer to its log lines: the client's, if it is harmless, else a new one. */
import { newId } from "@wrenn/protocol/ids";

const HARMLESS = /^[A-Za-z0-9._-]{1,128}$/;

export function requestId(header: string | string[] | undefined): string {
  return typeof header === "string" && HARMLESS.test(header) ? header : newId("request");
}
