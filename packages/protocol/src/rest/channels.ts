/** REST schemas of channels: where a team is told of what happens. */
import { z } from "zod";
import { NAME_PATTERN } from "../limits.ts";
import { time } from "./capsules.ts";
import { idOf, like } from "./common.ts";

export const CHANNEL_EVENTS = [
  "capsule.created",
  "capsule.running",
  "capsule.paused",
  "capsule.destroyed",
  "capsule.ended",
  "capsule.error",
  "template.snapshot.created",
  "template.snapshot.deleted",
  "host.up",
  "host.down",
] as const;
export type ChannelEvent = (typeof CHANNEL_EVENTS)[number];

export const PROVIDERS = ["discord", "slack", "teams", "googlechat", "telegram", "matrix", "webhook"] as const;
export type Provider = (typeof PROVIDERS)[number];

export const DELIVERY_STATUSES = ["pending", "delivered", "dead"] as const;

const provider = z.enum(PROVIDERS).meta({ examples: ["webhook"] });
const events = z
  .array(z.enum(CHANNEL_EVENTS))
  .min(1)
  .transform((list) => [...new Set(list)])
  .describe("Of what the channel is told; host events are those of the team's own hosts");
const config = z
  .record(z.string(), z.string().max(4096))
  .meta({ examples: [{ url: "https://example.com/hook" }] })
  .describe(
    "Depends on the provider: `webhook_url`; `bot_token` and `chat_id`; `homeserver_url`, `access_token` and `room_id`; `url` and `secret`",
  );
const name = like("alerts")
  .max(200)
  .transform((text) => text.trim().toLowerCase().replaceAll(/\s+/g, "-"))
  .pipe(
    z
      .string()
      .regex(
        NAME_PATTERN,
        "must be 1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or digit",
      ),
  )
  .describe("Written in lower case and with hyphens for blanks; each of a team has its own");

export const channelSchema = z
  .object({
    id: idOf("channel"),
    team_id: idOf("team"),
    name: like("alerts"),
    provider,
    events: z.array(like("capsule.error")),
    created_at: time,
    updated_at: time,
    secret: z.string().optional().describe("What webhooks are signed with: shown when it is set, and never again"),
  })
  .meta({ id: "Channel" });
export type Channel = z.infer<typeof channelSchema>;

export const createChannelSchema = z.object({ name, provider, config, events }).meta({ id: "CreateChannel" });
export type CreateChannel = z.input<typeof createChannelSchema>;

export const updateChannelSchema = z
  .object({ name: name.optional(), events: events.optional() })
  .meta({ id: "UpdateChannel" });
export type UpdateChannel = z.input<typeof updateChannelSchema>;

export const channelConfigSchema = z.object({ config }).meta({ id: "ChannelConfig" });
export type ChannelConfig = z.input<typeof channelConfigSchema>;

export const testChannelSchema = z.object({ provider, config }).meta({ id: "TestChannel" });
export type TestChannel = z.input<typeof testChannelSchema>;

export const deliverySchema = z
  .object({
    id: idOf("delivery"),
    uuid: z.uuid().describe("The same id as webhooks get it, in X-Wrenn-Delivery"),
    channel_id: idOf("channel"),
    event: like("capsule.error"),
    payload: z.record(z.string(), z.unknown()).meta({ examples: [{ event: "capsule.error" }] }),
    status: z.enum(DELIVERY_STATUSES).describe("`dead` is what was tried for an hour in vain"),
    attempts: z.int(),
    last_error: z.string().optional(),
    created_at: time,
    next_attempt_at: time.optional(),
    delivered_at: time.optional(),
  })
  .meta({ id: "Delivery" });
export type Delivery = z.infer<typeof deliverySchema>;

export const deliveryListSchema = z
  .object({
    items: z.array(deliverySchema),
    next_cursor: z.string().optional().describe("Pass it as `cursor` for the next page; absent on the last one"),
  })
  .meta({ id: "DeliveryList" });
export type DeliveryList = z.infer<typeof deliveryListSchema>;
