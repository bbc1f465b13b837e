/** POST /v1/auth/logout: ends the session that asks, at once. */
import { z } from "zod";
import { endSession } from "../../identity/sessions.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { auditAccount, auditUser } from "./request.ts";

export const logout: Route = (app, { accounts }) => {
  app.route({
    method: "POST",
    url: "/v1/auth/logout",
    config: { access: USER, audit: auditAccount("logout") },
    schema: {
      operationId: "logout",
      tags: ["Accounts"],
      summary: "End this session",
      response: { 204: z.undefined(), ...errors() },
    },
    handler: async (request, reply) => {
      const { userId, sessionId } = userOf(request.principal);
      auditUser(request, userId);
      await endSession(accounts.db, userId, sessionId);
      return reply.code(204).send();
    },
  });
};
