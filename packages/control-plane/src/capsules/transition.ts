/** The one compare-and-swap of a capsule's state: it succeeds only on the state and incarnation that the caller has seen. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { type Action, nextState } from "@wrenn/protocol/states";
import { and, eq } from "drizzle-orm";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import type { CapsuleDeps } from "./deps.ts";

type Changes = Partial<
  Pick<
    CapsuleRow,
    "hostIp" | "metadata" | "timings" | "startedAt" | "lastActiveAt" | "endedAt" | "endReason" | "endMessage"
  >
>;

/**
 * Applies `action` to the capsule as `seen`. Returns the new row, or undefined when the capsule has changed meanwhile.
 * @throws invalid_state when the table has no such transition
 */
export async function transition(
  { db, logger }: Pick<CapsuleDeps, "db" | "logger">,
  seen: Pick<CapsuleRow, "id" | "state" | "incarnation">,
  action: Action,
  changes: Changes = {},
): Promise<CapsuleRow | undefined> {
  const to = nextState(action, seen.state);
  const [moved] = await db.queries
    .update(capsules)
    .set({ ...changes, state: to, updatedAt: new Date() })
    .where(and(eq(capsules.id, seen.id), eq(capsules.state, seen.state), eq(capsules.incarnation, seen.incarnation)))
    .returning();
  if (moved !== undefined) {
    const { endReason: reason, endMessage: message } = changes;
    const capsule = idFromUuid("capsule", seen.id);
    logger.info({ event: "capsule_transition", capsule, action, from: seen.state, to, reason, message });
  }
  return moved;
}
