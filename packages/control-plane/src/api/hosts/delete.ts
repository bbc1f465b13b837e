/** DELETE /v1/hosts/{id}: refused while it holds capsules or snapshots, unless it is forced. */
import { flag } from "@wrenn/protocol/rest/common";
import { z } from "zod";
import { deleteHost as remove } from "../../capsules/remove-host.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostParams, hostToChange } from "./params.ts";

export const deleteHost: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/hosts/:id",
    config: { access: USER, audit: { resource: "host", action: "delete", scope: "admin" } },
    schema: {
      operationId: "deleteHost",
      tags: ["Hosts"],
      summary: "Delete a host",
      params: hostParams,
      querystring: z.object({ force: flag.describe("Its capsules end and its snapshots are lost") }),
      response: { 204: z.undefined().describe("It is deleted"), ...errors(400, 404, "has_active_sandboxes") },
    },
    handler: async (request, reply) => {
      const { force } = request.query;
      const id = await hostToChange(request, capsules.db, request.params.id, { force });
      await remove(capsules, userOf(request.principal), id, force);
      return reply.code(204).send();
    },
  });
};
