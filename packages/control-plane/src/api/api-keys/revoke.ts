/** DELETE /v1/api-keys/{id}: may be repeated. Members revoke what they made, admins every key of the team. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { z } from "zod";
import { revokeApiKey as revoke } from "../../identity/key-store.ts";
import { member, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";

export const revokeApiKey: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "DELETE",
    url: "/v1/api-keys/:id",
    config: { access: member("member"), audit: { resource: "api_key", action: "revoke" } },
    schema: {
      operationId: "revokeApiKey",
      tags: ["API keys"],
      summary: "Revoke an API key; repeating it changes nothing",
      params: z.object({ id: z.string().describe("Id of the key") }),
      response: { 204: z.undefined().describe("No request is accepted with it any more"), ...errors(400) },
    },
    handler: async (request, reply) => {
      const found = await revoke(db, userOf(request.principal), idToUuid(parseId("key", request.params.id)));
      if (!found) request.audited = { metadata: { found } };
      return reply.code(204).send();
    },
  });
};
