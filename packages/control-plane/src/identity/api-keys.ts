/**
 * API keys: `wrn_` and 32 hex digits, or the same digits after `e2b_`, which is what E2B's clients accept. Only their SHA-256 is
 * stored; 128 random bits need no slow hash.
 */
import { hash, randomBytes, randomUUID } from "node:crypto";
import { SCOPES, type Scope } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import type { KeyForm } from "@wrenn/protocol/rest/api-keys";
import { and, eq, isNull, lt, or, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { forDatabase, prepared } from "../db/prepared.ts";
import { type ApiKeyRow, apiKeys, revokedKeys, teams } from "../db/schema.ts";
import { SharedReads } from "../db/shared-reads.ts";
import type { KeyPrincipal } from "./principal.ts";

const KEY_PATTERN = /^(?:wrn|e2b)_([0-9a-f]{32})$/;
const PREFIX_LENGTH = 10;
const LAST_USED_PRECISION_MS = 60_000;

/** @param form both are the same key; E2B's clients take only their own */
export function newApiKey(form: KeyForm = "wrn"): string {
  return `${form}_${randomBytes(16).toString("hex")}`;
}

/** What a key is recognised by. */
export function prefixOf(key: string): string {
  return key.slice(0, PREFIX_LENGTH);
}

export function isApiKey(text: string): boolean {
  return KEY_PATTERN.test(text);
}

export function hashApiKey(key: string): string {
  return hash("sha256", key.replace(/^e2b_/, "wrn_"));
}

/** Makes the key valid for the team, unless it is already. False when it was revoked. */
export async function storeApiKey(db: Database, teamId: string, name: string, key: string): Promise<boolean> {
  const ofKey = eq(revokedKeys.keyHash, hashApiKey(key));
  const [revoked] = await db.queries.select({ keyHash: revokedKeys.keyHash }).from(revokedKeys).where(ofKey);
  if (revoked !== undefined) return false;
  await db.queries
    .insert(apiKeys)
    .values({ id: randomUUID(), teamId, name, keyHash: hashApiKey(key), keyPrefix: prefixOf(key) })
    .onConflictDoNothing({ target: apiKeys.keyHash });
  return true;
}

const keyByHash = prepared((queries) =>
  queries
    .select({ key: apiKeys })
    .from(apiKeys)
    .innerJoin(teams, eq(teams.id, apiKeys.teamId))
    .where(and(eq(apiKeys.keyHash, sql.placeholder("keyHash")), isNull(teams.deletedAt)))
    .prepare("key_by_hash"),
);

const sharedKeys = forDatabase(() => new SharedReads<ApiKeyRow | undefined>());

function findKey(db: Database, key: string): Promise<ApiKeyRow | undefined> {
  const keyHash = hashApiKey(key);
  return sharedKeys(db).read(keyHash, async () => (await keyByHash(db).execute({ keyHash }))[0]?.key);
}

/** @throws unauthorized when the key is malformed, unknown, expired or of a team that is no more */
export async function authenticateKey(db: Database, key: string): Promise<KeyPrincipal> {
  const row = isApiKey(key) ? await findKey(db, key) : undefined;
  if (row === undefined) throw new WrennError("unauthorized", "invalid API key");
  const { id, name, teamId, scopes, lastUsedAt, expiresAt } = row;
  if (expiresAt !== null && expiresAt <= new Date()) throw new WrennError("unauthorized", "the API key has expired");
  await touch(db, id, lastUsedAt);
  return { kind: "api_key", keyId: id, name, teamId, scopes: scopes === null ? null : scopes.filter(isScope) };
}

function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

async function touch(db: Database, id: string, lastUsedAt: Date | null): Promise<void> {
  const now = new Date();
  const due = new Date(now.getTime() - LAST_USED_PRECISION_MS);
  if (lastUsedAt !== null && lastUsedAt > due) return;
  await db.queries
    .update(apiKeys)
    .set({ lastUsedAt: now })
    .where(and(eq(apiKeys.id, id), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, due))));
}
