/** Tokens of links in mails: 32 hex digits, of which only the SHA-256 is stored, good for one use. */
import { createHash, randomBytes } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, gt, lt } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { mailTokens, type TokenPurpose, users } from "../db/schema.ts";

/** Minutes that each is good for. */
export const TOKEN_MINUTES: Readonly<Record<TokenPurpose, number>> = { activation: 30, password_reset: 15 };

const BYTES = 16;

function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** A new token of the user; the one before for the same purpose is void. */
export async function makeMailToken(queries: Queries, purpose: TokenPurpose, userId: string): Promise<string> {
  const token = randomBytes(BYTES).toString("hex");
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + TOKEN_MINUTES[purpose] * 60_000);
  const fields = { tokenHash: hashToken(token), createdAt, expiresAt };
  await queries
    .insert(mailTokens)
    .values({ purpose, userId, ...fields })
    .onConflictDoUpdate({ target: [mailTokens.userId, mailTokens.purpose], set: fields });
  return token;
}

function isGood(purpose: TokenPurpose, token: string) {
  return and(
    eq(mailTokens.tokenHash, hashToken(token)),
    eq(mailTokens.purpose, purpose),
    gt(mailTokens.expiresAt, new Date()),
  );
}

function notGood(): WrennError {
  return new WrennError("invalid_token", "the link was used already, or is too old");
}

/** The UUID of the token's user. It may be used up the next moment. @throws invalid_token */
export async function readMailToken(queries: Queries, purpose: TokenPurpose, token: string): Promise<string> {
  const [row] = await queries.select({ userId: mailTokens.userId }).from(mailTokens).where(isGood(purpose, token));
  if (row === undefined) throw notGood();
  return row.userId;
}

/**
 * Uses the token up and returns the UUID of its user. The user is held before, as by all who change an account and void its tokens
 * then: of two at once none waits for the other for ever. @throws invalid_token
 */
export async function spendMailToken(queries: Queries, purpose: TokenPurpose, token: string): Promise<string> {
  const userId = await readMailToken(queries, purpose, token);
  await queries.select({ id: users.id }).from(users).where(eq(users.id, userId)).for("no key update");
  const [row] = await queries.delete(mailTokens).where(isGood(purpose, token)).returning({ userId: mailTokens.userId });
  if (row === undefined) throw notGood();
  return row.userId;
}

export async function voidMailTokens(queries: Queries, purpose: TokenPurpose, userId: string): Promise<void> {
  await queries.delete(mailTokens).where(and(eq(mailTokens.userId, userId), eq(mailTokens.purpose, purpose)));
}

/** Removes what is good for nothing any more. */
export async function purgeMailTokens(queries: Queries): Promise<void> {
  await queries.delete(mailTokens).where(lt(mailTokens.expiresAt, new Date()));
}
