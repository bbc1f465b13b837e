/** POST /v1/hosts/{id}/tags */
import { hostTagSchema } from "@wrenn/protocol/rest/hosts";
import { z } from "zod";
import { addTag } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostParams, hostToChange } from "./params.ts";

export const addHostTag: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/hosts/:id/tags",
    config: { access: USER, audit: { resource: "host", action: "add_tag", scope: "admin" } },
    schema: {
      operationId: "addHostTag",
      tags: ["Hosts"],
      summary: "Add a tag to a host",
      params: hostParams,
      body: hostTagSchema,
      response: { 204: z.undefined().describe("The host has it"), ...errors(400, 404) },
    },
    handler: async (request, reply) => {
      const { tag } = request.body;
      const id = await hostToChange(request, capsules.db, request.params.id, { tag });
      await addTag(capsules.db, userOf(request.principal), id, tag);
      return reply.code(204).send();
    },
  });
};
