/** The id that ties an answer to its log lines: the client's, if it is harmless, else a new one. */
import { type Id, newId } from "@wrenn/protocol/ids";

const HARMLESS = /^[A-Za-z0-9._-]{1,128}$/;
/** Half of an id's digits are this process's, the others count: every request needs one. */
const COUNTED = 12;
const OWN = newId("request").slice(0, -COUNTED);

let requests = Math.floor(Math.random() * 36 ** 8);

export function requestId(header: string | string[] | undefined): string {
  if (typeof header === "string" && HARMLESS.test(header)) return header;
  requests++;
  return `${OWN}${requests.toString(36).padStart(COUNTED, "0")}` as Id<"request">;
}
