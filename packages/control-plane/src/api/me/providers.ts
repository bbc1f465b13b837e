/** GET /v1/me/providers/{provider}/connect and DELETE /v1/me/providers/{provider} */
import { connectSchema } from "@wrenn/protocol/rest/accounts";
import { z } from "zod";
import { disconnect } from "../../identity/oauth/accounts.ts";
import { USER, userOf } from "../access.ts";
import { auditAccount, auditUser } from "../auth/request.ts";
import { beginTrip } from "../oauth/trip.ts";
import { errors, type Route } from "../route.ts";

const params = z.object({ provider: z.string() });

export const connectProvider: Route = (app, { oauth }) => {
  app.route({
    method: "GET",
    url: "/v1/me/providers/:provider/connect",
    config: { access: USER },
    schema: {
      operationId: "connectProvider",
      tags: ["Accounts"],
      summary: "Where the browser goes to connect an account elsewhere; the answer sets cookies for the way",
      params,
      response: { 200: connectSchema, ...errors("provider_not_found") },
    },
    handler: async (request, reply) => {
      const user = userOf(request.principal);
      return { auth_url: beginTrip(oauth, reply, request.params.provider, "link", user) };
    },
  });
};

export const disconnectProvider: Route = (app, { accounts }) => {
  app.route({
    method: "DELETE",
    url: "/v1/me/providers/:provider",
    config: { access: USER, audit: auditAccount("disconnect_provider") },
    schema: {
      operationId: "disconnectProvider",
      tags: ["Accounts"],
      summary: "Disconnect an account elsewhere",
      params,
      response: { 204: z.undefined(), ...errors(400, "last_login_method", "provider_not_found") },
    },
    handler: async (request, reply) => {
      const { userId } = userOf(request.principal);
      await disconnect(accounts, userId, request.params.provider);
      auditUser(request, userId);
      request.audited.metadata = { provider: request.params.provider };
      return reply.code(204).send();
    },
  });
};
