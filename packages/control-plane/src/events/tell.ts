/**
 * Tells the channels of a team of a change in the very statement that makes it: what did not happen is not told, and what
 * happened is told even if this process ends now. A team without channels pays for one look into an index.
 */

import type { ColumnsSelection } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { TypedQueryBuilder } from "drizzle-orm/query-builders/query-builder";
import type { Queries } from "../db/database.ts";
import type { Event } from "./event.ts";

/** A statement with `returning()` that was not sent yet. */
type Change<Row> = TypedQueryBuilder<ColumnsSelection, Row[]> & PromiseLike<Row[]>;

/**
 * Makes the change, and leaves a delivery for every channel of the team that wants one of the events: unless nothing was changed.
 * @param teamId UUID
 * @returns the rows of the change
 */
export async function changeAndTell<Row>(
  queries: Pick<Queries, "$with" | "with">,
  change: Change<Row>,
  teamId: string,
  events: readonly Event[],
): Promise<Row[]> {
  if (events.length === 0) return change;
  const changed = queries.$with("changed").as(change);
  // The lock makes channels that are being deleted fall out of the result: a row for one would fail the change itself.
  const told = queries.$with("told", {}).as(sql`
    insert into deliveries (id, channel_id, event, payload, next_attempt_at)
    select gen_random_uuid(), channels.id, event ->> 'event', event, now()
    from channels, jsonb_array_elements(${JSON.stringify(events)}::jsonb) as event
    where channels.team_id = ${teamId} and channels.events @> array[event ->> 'event']
      and exists (select 1 from changed)
    for key share of channels`);
  return (await queries.with(changed, told).select().from(changed)) as Row[];
}
