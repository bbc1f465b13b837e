/**
 * Tells the channels of a team of a change in the very statement that makes it: what did not happen is not told, and what
 * happened is told even if this process ends now. A team without channels pays for one look into an index. What the platform does
 * by itself is written into the audit log as well; what somebody asked for is there with their request.
 */

import type { ColumnsSelection } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { TypedQueryBuilder } from "drizzle-orm/query-builders/query-builder";
import type { AuditEntry } from "../audit/entry.ts";
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
  const notes = notesOf(events);
  const noted = queries.$with("noted", {}).as(sql`
    insert into audit_logs (id, team_id, scope, actor_type, resource_type, resource_id, action, status)
    select gen_random_uuid(), ${teamId}, note ->> 'scope', 'system', note ->> 'type', note ->> 'id', note ->> 'action', note ->> 'status'
    from jsonb_array_elements(${JSON.stringify(notes)}::jsonb) as note
    where exists (select 1 from changed)`);
  const parts = notes.length === 0 ? [told] : [told, noted];
  return (await queries
    .with(changed, ...parts)
    .select()
    .from(changed)) as Row[];
}

type Note = Pick<AuditEntry, "action" | "status" | "scope">;

const NOTES: Partial<Record<Event["event"], Note>> = {
  "capsule.running": { action: "resume", status: "info", scope: "team" },
  "capsule.paused": { action: "pause", status: "info", scope: "team" },
  "capsule.destroyed": { action: "destroy", status: "info", scope: "team" },
  "capsule.ended": { action: "end", status: "info", scope: "team" },
  "capsule.error": { action: "fail", status: "error", scope: "team" },
  "template.snapshot.deleted": { action: "delete", status: "info", scope: "team" },
  "host.up": { action: "marked_up", status: "info", scope: "admin" },
  "host.down": { action: "marked_down", status: "warning", scope: "admin" },
};

function notesOf(events: readonly Event[]) {
  return events.flatMap(({ event, actor, resource }) => {
    const note = actor.type === "system" ? NOTES[event] : undefined;
    return note === undefined ? [] : [{ ...note, ...resource }];
  });
}
