/** Rows of channels and deliveries as clients see them: never a configuration. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Channel, Delivery } from "@wrenn/protocol/rest/channels";
import type { ChannelRow, DeliveryRow } from "../../db/schema.ts";
import { toTime, withoutNulls } from "../fields.ts";

/** @param secret only where it was set by this very request */
export function toChannel(row: ChannelRow, secret?: string): Channel {
  return {
    id: idFromUuid("channel", row.id),
    team_id: idFromUuid("team", row.teamId),
    name: row.name,
    provider: row.provider,
    events: row.events,
    created_at: toTime(row.createdAt),
    updated_at: toTime(row.updatedAt),
    ...(secret === undefined ? {} : { secret }),
  };
}

export function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: idFromUuid("delivery", row.id),
    uuid: row.id,
    channel_id: idFromUuid("channel", row.channelId),
    event: row.event,
    payload: row.payload,
    status: row.status,
    attempts: row.attempts,
    created_at: toTime(row.createdAt),
    ...withoutNulls({
      last_error: row.lastError,
      next_attempt_at: row.nextAttemptAt && toTime(row.nextAttemptAt),
      delivered_at: row.deliveredAt && toTime(row.deliveredAt),
    }),
  };
}
