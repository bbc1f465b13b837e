/** What channels are told of, as they get it. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { ChannelEvent } from "@wrenn/protocol/rest/channels";
import { currentActor } from "../audit/actor.ts";
import type { Actor } from "../audit/entry.ts";

export interface Event {
  readonly event: ChannelEvent | "channel.test";
  /** RFC 3339, whole seconds */
  readonly timestamp: string;
  readonly team_id: string;
  readonly actor: Actor;
  /** a snapshot goes by its name */
  readonly resource: { readonly id: string; readonly type: "sandbox" | "snapshot" | "host" | "channel" };
}

/** The event as of now, by whoever this work is for. @param teamId UUID of the team that is told */
export function newEvent(event: Event["event"], teamId: string, resource: Event["resource"]): Event {
  const timestamp = `${new Date().toISOString().slice(0, 19)}Z`;
  return { event, timestamp, team_id: idFromUuid("team", teamId), actor: currentActor(), resource };
}
