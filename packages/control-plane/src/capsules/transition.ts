/** The one compare-and-swap of a capsule's state: it succeeds only on the state and incarnation that the caller has seen. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { type Action, nextState, type State } from "@wrenn/protocol/states";
import type { Logger } from "@wrenn/runtime/logger";
import { and, eq } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";

type Changes = Partial<
  Pick<
    CapsuleRow,
    | "timeoutSec"
    | "hostIp"
    | "metadata"
    | "timings"
    | "startedAt"
    | "lastActiveAt"
    | "pausedAt"
    | "pauseReason"
    | "endedAt"
    | "endReason"
    | "endMessage"
  >
>;

type Seen = Pick<CapsuleRow, "id" | "state" | "incarnation">;

/** Where the swap is made: the database, or a transaction of it. */
interface TransitionDeps {
  readonly db: { readonly queries: Pick<Queries, "update"> };
  readonly logger: Logger;
}

/** What follows from the step itself, whoever takes it. */
function consequences({ state, incarnation }: Seen, to: State): Partial<CapsuleRow> {
  if (to === "paused") return { hostIp: null };
  if (to !== "running") return {};
  return { pausedAt: null, pauseReason: null, ...(state === "resuming" ? { incarnation: incarnation + 1 } : {}) };
}

/**
 * Applies `action` to the capsule as `seen`. Returns the new row, or undefined when the capsule has changed meanwhile.
 * @throws invalid_state when the table has no such transition
 */
export async function transition(
  { db, logger }: TransitionDeps,
  seen: Seen,
  action: Action,
  changes: Changes = {},
): Promise<CapsuleRow | undefined> {
  const to = nextState(action, seen.state);
  const [moved] = await db.queries
    .update(capsules)
    .set({ ...changes, ...consequences(seen, to), state: to, updatedAt: new Date() })
    .where(and(eq(capsules.id, seen.id), eq(capsules.state, seen.state), eq(capsules.incarnation, seen.incarnation)))
    .returning();
  if (moved !== undefined) {
    const { endReason: reason, endMessage: message } = changes;
    const capsule = idFromUuid("capsule", seen.id);
    logger.info({ event: "capsule_transition", capsule, action, from: seen.state, to, reason, message });
  }
  return moved;
}
