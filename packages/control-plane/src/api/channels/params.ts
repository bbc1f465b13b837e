/** The path parameters of the routes of one channel. */
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { z } from "zod";

const EXAMPLE = "5f3b1c1e-8d2a-4c57-9d0e-1f6f0a7c2b11";

export const channelParams = z.object({
  id: z
    .string()
    .describe("Id of the channel")
    .meta({ examples: [idFromUuid("channel", EXAMPLE)] }),
});

export const deliveryParams = channelParams.extend({
  delivery: z
    .string()
    .describe("Id of the delivery")
    .meta({ examples: [idFromUuid("delivery", EXAMPLE)] }),
});

/** The UUID of the channel that the path names. @throws invalid_request */
export function channelId({ id }: z.infer<typeof channelParams>): string {
  return idToUuid(parseId("channel", id));
}
