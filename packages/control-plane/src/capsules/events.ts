/** Which steps of a capsule its team is told of. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { ChannelEvent } from "@wrenn/protocol/rest/channels";
import type { Action } from "@wrenn/protocol/states";
import type { CapsuleRow } from "../db/schema.ts";
import { type Event, newEvent } from "../events/event.ts";

/** Steps on the way to another one, or back from it, are nobody's business. */
const EVENTS: Partial<Record<Action, ChannelEvent>> = {
  started: "capsule.running",
  found: "capsule.running",
  paused: "capsule.paused",
  auto_paused: "capsule.paused",
  found_paused: "capsule.paused",
  stopped: "capsule.destroyed",
  ended: "capsule.ended",
  fail: "capsule.error",
};

type Seen = Pick<CapsuleRow, "id" | "teamId" | "startedAt">;

/** A capsule is created when it has started for the first time: one that fails before that was none. */
export function eventsOf({ id, teamId, startedAt }: Seen, action: Action): Event[] {
  const event = EVENTS[action];
  if (event === undefined) return [];
  const isNew = startedAt === null && (event === "capsule.running" || event === "capsule.paused");
  const names: ChannelEvent[] = isNew ? ["capsule.created", event] : [event];
  return names.map((name) => newEvent(name, teamId, { id: idFromUuid("capsule", id), type: "sandbox" }));
}
