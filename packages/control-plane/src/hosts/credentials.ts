/**
 * What hosts are given to prove themselves: a token for one registration, then tokens that are exchanged for new credentials. A
 * refresh token stays valid until its successor was used or confirmed, because the answer with the successor may have been lost.
 */
import { createHash, randomBytes } from "node:crypto";
import { and, eq, gt, isNull, lte, notInArray } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { type HostRow, hosts, hostTokens } from "../db/schema.ts";

type Purpose = (typeof hostTokens.$inferSelect)["purpose"];

const HOUR_MS = 3_600_000;
const LIFETIME_MS: Record<Purpose, number> = { registration: HOUR_MS, refresh: 60 * 24 * HOUR_MS };

function hash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/**
 * Nobody else changes what the host proves itself with until the transaction ends. Whoever changes several rows of that takes it
 * first. Capsules are placed on the host meanwhile. Undefined when it was deleted.
 */
export async function holdHost(tx: Queries, hostId: string): Promise<HostRow | undefined> {
  const there = and(eq(hosts.id, hostId), isNull(hosts.deletedAt));
  return (await tx.select().from(hosts).where(there).for("no key update"))[0];
}

/** The host of a token that is valid, held. */
async function hostOfToken(tx: Queries, token: string, purpose: Purpose): Promise<HostRow | undefined> {
  const valid = and(
    eq(hostTokens.tokenHash, hash(token)),
    eq(hostTokens.purpose, purpose),
    gt(hostTokens.expiresAt, new Date()),
  );
  const [seen] = await tx.select().from(hostTokens).where(valid);
  const host = seen === undefined ? undefined : await holdHost(tx, seen.hostId);
  // Somebody may have used it or taken it back meanwhile.
  const [still] = host === undefined ? [] : await tx.select().from(hostTokens).where(valid);
  return still === undefined ? undefined : host;
}

/** Returns 64 hex digits, of which the database keeps only the hash. */
export async function issueHostToken(queries: Queries, hostId: string, purpose: Purpose): Promise<string> {
  const token = randomBytes(32).toString("hex");
  const expiresAt = new Date(Date.now() + LIFETIME_MS[purpose]);
  await queries.delete(hostTokens).where(lte(hostTokens.expiresAt, new Date()));
  await queries.insert(hostTokens).values({ tokenHash: hash(token), purpose, hostId, expiresAt });
  return token;
}

/** A token for one registration. Those that the host was given before are good for nothing any more: the host is held. */
export async function issueRegistration(tx: Queries, hostId: string): Promise<string> {
  await revokeRegistration(tx, hostId);
  return issueHostToken(tx, hostId, "registration");
}

/**
 * Uses up the token and any other that the host may register with. Of two who use it at once one gets its host, held; the other,
 * and whoever comes later, gets undefined.
 */
export async function claimRegistration(tx: Queries, token: string): Promise<HostRow | undefined> {
  const host = await hostOfToken(tx, token, "registration");
  if (host !== undefined) await revokeRegistration(tx, host.id);
  return host;
}

/** The token's host, held; undefined when it is none. */
export function findRefresh(tx: Queries, token: string): Promise<HostRow | undefined> {
  return hostOfToken(tx, token, "refresh");
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
async function revokeRegistration(queries: Queries, hostId: string): Promise<void> {
  await queries.delete(hostTokens).where(and(eq(hostTokens.hostId, hostId), eq(hostTokens.purpose, "registration")));
}

/** Ends what the host can do with tokens. */
export async function revokeHostTokens(tx: Queries, hostId: string): Promise<void> {
  await holdHost(tx, hostId);
  await tx.delete(hostTokens).where(eq(hostTokens.hostId, hostId));
}
