/** POST /v1/channels/{id}/deliveries/{delivery}/resend: once the receiver is well again. */

import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { deliverySchema } from "@wrenn/protocol/rest/channels";
import { getChannel } from "../../channels/channels.ts";
import { resendDelivery as resend } from "../../channels/deliveries.ts";
import { member } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { channelId, deliveryParams } from "./params.ts";
import { toDelivery } from "./view.ts";

export const resendDelivery: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "POST",
    url: "/v1/channels/:id/deliveries/:delivery/resend",
    config: { access: member("admin"), audit: { resource: "channel", action: "resend" } },
    schema: {
      operationId: "resendDelivery",
      tags: ["Channels"],
      summary: "Send a delivery that was delivered or is dead again",
      params: deliveryParams,
      response: { 202: deliverySchema, ...errors(400, 404, "invalid_state") },
    },
    handler: async (request, reply) => {
      const delivery = idToUuid(parseId("delivery", request.params.delivery));
      request.audited.metadata = { delivery: request.params.delivery };
      const { id } = await getChannel(db, request.teamId, channelId(request.params));
      return reply.code(202).send(toDelivery(await resend(db, id, delivery)));
    },
  });
};
