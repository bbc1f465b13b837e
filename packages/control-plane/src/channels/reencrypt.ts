/** Ends the rotation of a key: what channels were configured with under an old one gets the current one. */
import { and, eq, ne, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { channels } from "../db/schema.ts";
import type { Encryption } from "../encryption.ts";

/** The id of the key that it was encrypted with. */
const keyOf = sql<string>`split_part(${channels.config}, '.', 1)`;

/** How many configurations each key is needed for, by its id. */
export async function countByKey({ queries }: Database): Promise<Record<string, number>> {
  const rows = await queries.select({ key: keyOf, count: sql<number>`count(*)::int` }).from(channels).groupBy(keyOf);
  return Object.fromEntries(rows.map(({ key, count }) => [key, count]));
}

/** @throws config_invalid when a key is missing; the others are done all the same */
export async function reencryptChannels(db: Database, encryption: Encryption, signal?: AbortSignal): Promise<void> {
  const old = await db.queries
    .select({ id: channels.id, config: channels.config })
    .from(channels)
    .where(ne(keyOf, encryption.keyId));
  let failure: unknown;
  for (const { id, config } of old) {
    signal?.throwIfAborted();
    try {
      const again = encryption.encrypt(encryption.decrypt(config, id), id);
      // One that was configured anew meanwhile stays as it is.
      await db.queries
        .update(channels)
        .set({ config: again })
        .where(and(eq(channels.id, id), eq(channels.config, config)));
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
}
