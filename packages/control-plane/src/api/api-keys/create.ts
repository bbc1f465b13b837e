/** POST /v1/api-keys: the only answer that has the key itself. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { createApiKeySchema, newApiKeySchema } from "@wrenn/protocol/rest/api-keys";
import { createApiKey as create } from "../../identity/key-store.ts";
import { member, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toApiKey } from "./view.ts";

export const createApiKey: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "POST",
    url: "/v1/api-keys",
    config: { access: member("member"), audit: { resource: "api_key", action: "create" } },
    schema: {
      operationId: "createApiKey",
      tags: ["API keys"],
      summary: "Create an API key of the team",
      body: createApiKeySchema,
      response: { 201: newApiKeySchema, ...errors(400, 404, "quota_exceeded") },
    },
    handler: async (request, reply) => {
      const { name, scopes, expires_at: expires, form } = request.body;
      const { userId, email } = userOf(request.principal);
      const expiresAt = expires === undefined ? undefined : new Date(expires);
      const { key, row } = await create(db, request.teamId, userId, { name, scopes, expiresAt, form });
      request.audited = { resourceId: idFromUuid("key", row.id), metadata: { name, ...(scopes && { scopes }) } };
      return reply.code(201).send({ ...toApiKey({ key: row, creatorEmail: email }), key });
    },
  });
};
