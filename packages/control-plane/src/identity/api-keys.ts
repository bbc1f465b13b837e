/** API keys: `wrn_` and 32 hex digits. Only their SHA-256 is stored; 128 random bits need no slow hash. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { and, eq, isNull, lt, or } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { apiKeys } from "../db/schema.ts";

const KEY_PATTERN = /^wrn_[0-9a-f]{32}$/;
const PREFIX_LENGTH = 10;
const LAST_USED_PRECISION_MS = 60_000;

/** Who sends a request. */
export interface Caller {
  /** UUID */
  readonly teamId: string;
  /** UUID */
  readonly keyId: string;
}

export function newApiKey(): string {
  return `wrn_${randomBytes(16).toString("hex")}`;
}

export function isApiKey(text: string): boolean {
  return KEY_PATTERN.test(text);
}

export function hashApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Makes the key valid for the team; does nothing when it is already. */
export async function storeApiKey(db: Database, teamId: string, name: string, key: string): Promise<void> {
  await db.queries
    .insert(apiKeys)
    .values({ id: randomUUID(), teamId, name, keyHash: hashApiKey(key), keyPrefix: key.slice(0, PREFIX_LENGTH) })
    .onConflictDoNothing({ target: apiKeys.keyHash });
}

/** @throws unauthorized when the key is missing, malformed or unknown */
export async function authenticate(db: Database, key: string | undefined): Promise<Caller> {
  if (key === undefined) throw new WrennError("unauthorized", "the X-API-Key header is missing");
  const [row] = isApiKey(key)
    ? await db.queries
        .select()
        .from(apiKeys)
        .where(eq(apiKeys.keyHash, hashApiKey(key)))
    : [];
  if (row === undefined) throw new WrennError("unauthorized", "invalid API key");
  await touch(db, row.id, row.lastUsedAt);
  return { teamId: row.teamId, keyId: row.id };
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
