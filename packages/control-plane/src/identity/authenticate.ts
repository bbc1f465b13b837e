/** Whom the headers of a request speak for. */
import type { IncomingHttpHeaders } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import type { Database } from "../db/database.ts";
import { authenticateKey } from "./api-keys.ts";
import { readHostToken } from "./host-token.ts";
import type { Principal } from "./principal.ts";
import { authenticateSession } from "./sessions.ts";

export interface AuthenticateDeps {
  readonly db: Database;
  readonly sessionSecret: Uint8Array;
}

const BEARER = /^bearer +(\S+)$/i;

/** Undefined for a request that names nobody. An API key wins over a session. @throws unauthorized, account_deactivated */
export async function authenticate(
  { db, sessionSecret }: AuthenticateDeps,
  headers: IncomingHttpHeaders,
): Promise<Principal | undefined> {
  const key = [headers["x-api-key"]].flat()[0];
  if (key !== undefined) return authenticateKey(db, key);
  const { authorization } = headers;
  const hostToken = [headers["x-host-token"]].flat()[0];
  if (authorization === undefined) return hostToken === undefined ? undefined : readHostToken(sessionSecret, hostToken);
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) throw new WrennError("unauthorized", "the Authorization header must be: Bearer and a token");
  return authenticateSession(db, sessionSecret, token);
}
