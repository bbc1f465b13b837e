/** Signed URLs of `/files`: whoever has one may do what it says, and nothing else, without the access token. */
import { createHash } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { equalSecrets } from "./secrets.ts";

export type SignedOperation = "read" | "write";

/** @param expiration seconds since the epoch as the URL has them */
export function signature(
  path: string,
  operation: SignedOperation,
  user: string,
  token: string,
  expiration?: string,
): string {
  const parts = [path, operation, user, token, ...(expiration === undefined ? [] : [expiration])];
  return `v1_${createHash("sha256").update(parts.join(":")).digest("base64").replaceAll("=", "")}`;
}

/**
 * Checks path, user, signature and expiration of a query: path and user count as they are written there.
 * @throws unauthorized saying whether the signature is wrong or too old
 */
export function checkSignature(query: string, operation: SignedOperation, token: string, nowMs: number): void {
  const parameters = new URLSearchParams(query);
  const given = parameters.get("signature") ?? "";
  const expiration = parameters.get("signature_expiration") ?? undefined;
  const expected = signature(
    parameters.get("path") ?? "",
    operation,
    parameters.get("username") ?? "",
    token,
    expiration,
  );
  if (!equalSecrets(given, expected)) throw new WrennError("unauthorized", "invalid signature");
  if (expiration === undefined) return;
  if (!/^\d{1,15}$/.test(expiration) || Number(expiration) * 1000 < nowMs) {
    throw new WrennError("unauthorized", "signature is already expired");
  }
}
