/** The one compare-and-swap of a capsule's state: it succeeds only on the state and incarnation that the caller has seen. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { type Action, nextState, type State } from "@wrenn/protocol/states";
import type { Logger } from "@wrenn/runtime/logger";
import { and, eq } from "drizzle-orm";
import type { Queries } from "../db/database.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import { changeAndTell } from "../events/tell.ts";
import { eventsOf } from "./events.ts";

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

type Seen = Pick<CapsuleRow, "id" | "teamId" | "state" | "incarnation" | "startedAt">;

/** Where the swap is made: the database, or a transaction of it. */
interface TransitionDeps {
  readonly db: { readonly queries: Pick<Queries, "update" | "with" | "$with"> };
  readonly logger: Logger;
}

/** What follows from the step itself, whoever takes it. */
function consequences({ state, incarnation, startedAt }: Seen, to: State): Partial<CapsuleRow> {
  if (to !== "paused" && to !== "running") return {};
  const known = { startedAt: startedAt ?? new Date() };
  if (to === "paused") return { ...known, hostIp: null };
  const life = state === "resuming" ? { incarnation: incarnation + 1 } : {};
  return { ...known, ...life, pausedAt: null, pauseReason: null };
}

/**
 * Applies `action` to the capsule as `seen` and tells the channels of its team. Returns the new row, or undefined when the
 * capsule has changed meanwhile.
 * @throws invalid_state when the table has no such transition
 */
export async function transition(
  { db, logger }: TransitionDeps,
  seen: Seen,
  action: Action,
  changes: Changes = {},
): Promise<CapsuleRow | undefined> {
  const to = nextState(action, seen.state);
  const swap = db.queries
    .update(capsules)
    .set({ ...consequences(seen, to), ...changes, state: to, updatedAt: new Date() })
    .where(and(eq(capsules.id, seen.id), eq(capsules.state, seen.state), eq(capsules.incarnation, seen.incarnation)))
    .returning();
  const [moved] = await changeAndTell(db.queries, swap, seen.teamId, eventsOf(seen, action));
  if (moved !== undefined) {
    const { endReason: reason, endMessage: message } = changes;
    const capsule = idFromUuid("capsule", seen.id);
    logger.info({ event: "capsule_transition", capsule, action, from: seen.state, to, reason, message });
  }
  return moved;
}
