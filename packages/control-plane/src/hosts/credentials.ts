/**
 * What hosts are given to prove themselves: a token for one registration, then tokens that are exchanged for new credentials. A
 * refresh token stays valid until its successor was used or confirmed, because the answer with the successor may have been lost.
 */
import { createHash, randomBytes } from "node:crypto";
import { and, eq, gt, lte, notInArray } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { hostTokens } from "../db/schema.ts";

type Purpose = (typeof hostTokens.$inferSelect)["purpose"];

const HOUR_MS = 3_600_000;
const LIFETIME_MS: Record<Purpose, number> = { registration: HOUR_MS, refresh: 60 * 24 * HOUR_MS };

function hash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Returns 64 hex digits, of which the database keeps only the hash. */
export async function issueHostToken(queries: Queries, hostId: string, purpose: Purpose): Promise<string> {
  const token = randomBytes(32).toString("hex");
  const expiresAt = new Date(Date.now() + LIFETIME_MS[purpose]);
  await queries.delete(hostTokens).where(lte(hostTokens.expiresAt, new Date()));
  await queries.insert(hostTokens).values({ tokenHash: hash(token), purpose, hostId, expiresAt });
  return token;
}

/** Of two who use it at once one gets the UUID of its host; the other, and whoever comes later, gets undefined. */
export async function claimRegistration(queries: Queries, token: string): Promise<string | undefined> {
  const [row] = await queries
    .delete(hostTokens)
    .where(
      and(
        eq(hostTokens.tokenHash, hash(token)),
        eq(hostTokens.purpose, "registration"),
        gt(hostTokens.expiresAt, new Date()),
      ),
    )
    .returning();
  return row?.hostId;
}

/** UUID of the token's host; undefined when it is none. Nobody else can use it until the transaction ends. */
export async function findRefresh(tx: Queries, token: string): Promise<string | undefined> {
  const [row] = await tx
    .select()
    .from(hostTokens)
    .where(
      and(
        eq(hostTokens.tokenHash, hash(token)),
        eq(hostTokens.purpose, "refresh"),
        gt(hostTokens.expiresAt, new Date()),
      ),
    )
    .for("update");
  return row?.hostId;
}

/** Revokes all refresh tokens of the host but these. */
export async function keepRefresh(tx: Queries, hostId: string, tokens: readonly string[]): Promise<void> {
  const kept = tokens.map(hash);
  await tx
    .delete(hostTokens)
    .where(
      and(
        eq(hostTokens.hostId, hostId),
        eq(hostTokens.purpose, "refresh"),
        notInArray(hostTokens.tokenHash, kept.length > 0 ? kept : [""]),
      ),
    );
}

/** Takes back tokens that nobody has registered with. */
export async function revokeRegistration(queries: Queries, hostId: string): Promise<void> {
  await queries.delete(hostTokens).where(and(eq(hostTokens.hostId, hostId), eq(hostTokens.purpose, "registration")));
}

/** Ends what the host can do with tokens. */
export async function revokeHostTokens(queries: Queries, hostId: string): Promise<void> {
  await queries.delete(hostTokens).where(eq(hostTokens.hostId, hostId));
}
