/** DELETE /v1/hosts/{id}/tags/{tag} */
import { z } from "zod";
import { removeTag } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostTagParams, hostToChange } from "./params.ts";

export const removeHostTag: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/hosts/:id/tags/:tag",
    config: { access: USER, audit: { resource: "host", action: "remove_tag", scope: "admin" } },
    schema: {
      operationId: "removeHostTag",
      tags: ["Hosts"],
      summary: "Remove a tag from a host",
      params: hostTagParams,
      response: { 204: z.undefined().describe("The host does not have it"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { tag } = request.params;
      const id = await hostToChange(request, capsules.db, request.params.id, { tag });
      await removeTag(capsules.db, userOf(request.principal), id, tag);
      return reply.code(204).send();
    },
  });
};
