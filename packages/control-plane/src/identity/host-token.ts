/** What a host shows with its heartbeats: a signed token that names it and the certificate that it came with. */
import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { errors, jwtVerify, SignJWT } from "jose";
import type { HostPrincipal } from "./principal.ts";

const ALGORITHM = "HS256";
const ISSUER = "wrenn";
/** A user's token has no type, and so neither is taken for the other. */
const TYPE = "host";
const LIFETIME = "7d";

/** @param secret at least 32 bytes. @param fingerprint of the certificate that is given along with it */
export function signHostToken(secret: Uint8Array, hostId: string, fingerprint: string): Promise<string> {
  const id = idFromUuid("host", hostId);
  return new SignJWT({ typ: TYPE, host_id: id, fpr: fingerprint })
    .setProtectedHeader({ alg: ALGORITHM })
    .setIssuer(ISSUER)
    .setSubject(id)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(secret);
}

/** @throws unauthorized */
export async function readHostToken(secret: Uint8Array, token: string): Promise<HostPrincipal> {
  try {
    const { payload } = await jwtVerify(token, secret, { algorithms: [ALGORITHM], issuer: ISSUER });
    const { typ, sub = "", fpr } = payload;
    if (typ !== TYPE || typeof fpr !== "string") throw new WrennError("unauthorized", "the token is not of a host");
    return { kind: "host", hostId: idToUuid(parseId("host", sub)), fingerprint: fpr };
  } catch (cause) {
    const message = cause instanceof errors.JWTExpired ? "the token has expired: refresh it" : "invalid host token";
    throw new WrennError("unauthorized", message, { cause });
  }
}
