/** The user of a request, as clients of envd name it: `Authorization: Basic base64("user:")`. No password is looked at. */
import type { IncomingHttpHeaders } from "node:http";

/** Undefined when the header is missing, is of another kind or names nobody. */
export function basicUser({ authorization }: IncomingHttpHeaders): string | undefined {
  const [, encoded = ""] = /^basic +([a-z0-9+/=_-]+) *$/i.exec(authorization ?? "") ?? [];
  const [user = ""] = Buffer.from(encoded, "base64").toString().split(":", 1);
  return user === "" ? undefined : user;
}
