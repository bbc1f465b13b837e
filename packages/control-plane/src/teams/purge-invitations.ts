/** The end of invitations that nobody answered. */
import { lt } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { invitations } from "../db/schema.ts";

export async function purgeInvitations({ queries }: Database): Promise<void> {
  await queries.delete(invitations).where(lt(invitations.expiresAt, new Date()));
}
