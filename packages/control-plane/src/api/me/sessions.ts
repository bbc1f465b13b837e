/** GET /v1/me/sessions and DELETE /v1/me/sessions/{id} */

import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { type Session, sessionSchema } from "@wrenn/protocol/rest/accounts";
import { pageQuery } from "@wrenn/protocol/rest/common";
import { z } from "zod";
import type { SessionRow } from "../../db/schema.ts";
import { endSession, listSessions } from "../../identity/sessions.ts";
import { USER, userOf } from "../access.ts";
import { auditAccount, auditUser } from "../auth/request.ts";
import { toTime, withoutNulls } from "../fields.ts";
import { nameNextPage, pageOf } from "../paging.ts";
import { errors, type Route } from "../route.ts";

function toSession(row: SessionRow, currentId: string): Session {
  return {
    id: idFromUuid("session", row.id),
    created_at: toTime(row.createdAt),
    expires_at: toTime(row.expiresAt),
    ...withoutNulls({ source_address: row.sourceAddress, user_agent: row.userAgent }),
    current: row.id === currentId,
  };
}

export const listMySessions: Route = (app, { accounts }) => {
  app.route({
    method: "GET",
    url: "/v1/me/sessions",
    config: { access: USER },
    schema: {
      operationId: "listSessions",
      tags: ["Accounts"],
      summary: "Where you are signed in, the latest first",
      querystring: z.object(pageQuery),
      response: { 200: z.array(sessionSchema), ...errors(400) },
    },
    handler: async (request, reply) => {
      const { userId, sessionId } = userOf(request.principal);
      const page = pageOf(request.query);
      const rows = await listSessions(accounts.db, userId, page);
      nameNextPage(reply, rows, page.limit);
      return rows.map((row) => toSession(row, sessionId));
    },
  });
};

export const endMySession: Route = (app, { accounts }) => {
  app.route({
    method: "DELETE",
    url: "/v1/me/sessions/:id",
    config: { access: USER, audit: auditAccount("end_session") },
    schema: {
      operationId: "endSession",
      tags: ["Accounts"],
      summary: "Sign out elsewhere",
      params: z.object({ id: z.string() }),
      response: { 204: z.undefined(), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { userId } = userOf(request.principal);
      const ended = await endSession(accounts.db, userId, idToUuid(parseId("session", request.params.id)));
      if (!ended) throw new WrennError("not_found", "no such session");
      auditUser(request, userId);
      return reply.code(204).send();
    },
  });
};
