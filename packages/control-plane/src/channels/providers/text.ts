/** An event for people. */
import type { Event } from "../../events/event.ts";

const SUMMARIES: Record<Event["event"], string> = {
  "capsule.created": "A capsule was created",
  "capsule.running": "A capsule is running",
  "capsule.paused": "A capsule was paused",
  "capsule.destroyed": "A capsule was destroyed",
  "capsule.ended": "A capsule ended by itself",
  "capsule.error": "A capsule failed",
  "template.snapshot.created": "A snapshot was created",
  "template.snapshot.deleted": "A snapshot was deleted",
  "host.up": "A host is up",
  "host.down": "A host is down",
  "channel.test": "This is a test of the channel",
};

export function textOf({ event, timestamp, team_id, actor, resource }: Event): string {
  const who = [actor.name, actor.id].filter((part) => part !== undefined).join(", ") || actor.type;
  return [
    SUMMARIES[event],
    `Event: ${event}`,
    `Resource: ${resource.type} ${resource.id}`,
    `Actor: ${who}`,
    `Team: ${team_id}`,
    `Time: ${timestamp}`,
  ].join("\n");
}
