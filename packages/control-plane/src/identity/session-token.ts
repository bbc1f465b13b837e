/** What a signed-in user shows with each request: a signed token that names the session, which has to exist still. */

import type { Role } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { errors, jwtVerify, SignJWT } from "jose";

const ALGORITHM = "HS256";
const ISSUER = "wrenn";

export interface TokenContent {
  /** UUID */
  readonly sessionId: string;
  /** UUID */
  readonly userId: string;
  /** UUID; undefined for who is in no team */
  readonly teamId: string | undefined;
}

/** What dashboards show of the user without asking; it decides nothing. */
export interface TokenLabels {
  readonly email: string;
  readonly name: string;
  readonly isAdmin: boolean;
  readonly role: Role | undefined;
}

/** @param secret at least 32 bytes */
export function signToken(
  secret: Uint8Array,
  content: TokenContent,
  labels: TokenLabels,
  expiresAt: Date,
): Promise<string> {
  const { sessionId, userId, teamId } = content;
  const { email, name, isAdmin, role } = labels;
  return new SignJWT({
    sid: sessionId,
    email,
    name,
    ...(teamId === undefined ? {} : { team_id: idFromUuid("team", teamId) }),
    ...(role === undefined ? {} : { role }),
    ...(isAdmin ? { is_admin: true } : {}),
  })
    .setProtectedHeader({ alg: ALGORITHM })
    .setIssuer(ISSUER)
    .setSubject(idFromUuid("user", userId))
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(secret);
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @throws unauthorized */
export async function readToken(secret: Uint8Array, token: string): Promise<TokenContent> {
  try {
    const { payload } = await jwtVerify(token, secret, { algorithms: [ALGORITHM], issuer: ISSUER });
    const { sid, sub = "", team_id: team } = payload;
    if (typeof sid !== "string" || !UUID.test(sid))
      throw new WrennError("unauthorized", "the token is not of a session");
    return {
      sessionId: sid,
      userId: idToUuid(parseId("user", sub)),
      teamId: typeof team === "string" ? idToUuid(parseId("team", team)) : undefined,
    };
  } catch (cause) {
    const message = cause instanceof errors.JWTExpired ? "the session has expired: sign in again" : "invalid token";
    throw new WrennError("unauthorized", message, { cause });
  }
}
