/** POST /v1/hosts: enters a host and answers with the token that it enrols with. */
import { idToUuid, PLATFORM_TEAM, parseId } from "@wrenn/protocol/ids";
import { createHostSchema, hostWithTokenSchema } from "@wrenn/protocol/rest/hosts";
import { createHost as create } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { auditedHost } from "./params.ts";
import { toNamedHost } from "./view.ts";

export const createHost: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/hosts",
    config: { access: USER, audit: { resource: "host", action: "create", scope: "admin" } },
    schema: {
      operationId: "createHost",
      tags: ["Hosts"],
      summary: "Enter a host",
      body: createHostSchema,
      response: { 201: hostWithTokenSchema, ...errors(400, 404, "quota_exceeded") },
    },
    handler: async (request, reply) => {
      const { type, team_id: team, provider, availability_zone: availabilityZone, tags } = request.body;
      const teamId = team === undefined ? undefined : idToUuid(parseId("team", team));
      const wanted = { type, teamId, provider, availabilityZone, tags };
      const asker = userOf(request.principal);
      // Also where it fails: whose it would have been.
      if (type === "regular") request.audited = { teamId: idToUuid(PLATFORM_TEAM) };
      else if (asker.isAdmin && teamId !== undefined) request.audited = { teamId };
      const { host, token } = await create(capsules.db, asker, wanted);
      request.audited = auditedHost(host.row, { type });
      return reply.code(201).send({ host: toNamedHost(host), registration_token: token });
    },
  });
};
