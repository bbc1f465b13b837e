/** How many capsules there are, of all teams. */
import { isEnded, STATES, type State } from "@wrenn/protocol/states";
import { count, notInArray } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { capsules } from "../db/schema.ts";

/** Rows of ended capsules stay for ever, and no index has them: counting them would take longer and longer. */
const ENDED = STATES.filter(isEnded);
const LIVE = STATES.filter((state) => !isEnded(state));

/** Each state but those of the end, 0 where there is none. */
export async function countCapsules(db: Database): Promise<Partial<Record<State, number>>> {
  const rows = await db.queries
    .select({ state: capsules.state, count: count() })
    .from(capsules)
    .where(notInArray(capsules.state, ENDED))
    .groupBy(capsules.state);
  return Object.fromEntries([...LIVE.map((state) => [state, 0]), ...rows.map((row) => [row.state, row.count])]);
}
