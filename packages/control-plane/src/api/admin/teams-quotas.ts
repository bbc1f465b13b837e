/** PUT /v1/admin/teams/{id}/quotas: all of them at once. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { quotasSchema } from "@wrenn/protocol/rest/admin";
import { z } from "zod";
import { setTeam } from "../../teams/settings.ts";
import { ADMIN } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { adminTeamParams } from "./params.ts";

export const setTeamQuotas: Route = (app, { capsules: { db } }) => {
  app.route({
    method: "PUT",
    url: "/v1/admin/teams/:id/quotas",
    config: { access: ADMIN, audit: { resource: "team", action: "set_quotas", scope: "admin" } },
    schema: {
      operationId: "setTeamQuotas",
      tags: ["Administration"],
      summary: "Set what a team may hold at a time; what is left out has no limit of its own",
      params: adminTeamParams,
      body: quotasSchema,
      response: { 204: z.undefined().describe("Set"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { body } = request;
      await setTeam(db, idToUuid(parseId("team", request.params.id)), {
        maxCapsules: body.max_capsules ?? null,
        maxVcpus: body.max_vcpus ?? null,
        maxMemoryMb: body.max_memory_mb ?? null,
        maxDiskMb: body.max_disk_mb ?? null,
        maxSnapshots: body.max_snapshots ?? null,
      });
      request.audited = { metadata: body };
      return reply.code(204).send();
    },
  });
};
