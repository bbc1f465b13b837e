/** GET /v1/hosts/{id}/tags */
import { parseId } from "@wrenn/protocol/ids";
import { hostTag } from "@wrenn/protocol/rest/hosts";
import { z } from "zod";
import { getVisibleHost } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostParams } from "./params.ts";

export const listHostTags: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/hosts/:id/tags",
    config: { access: USER },
    schema: {
      operationId: "listHostTags",
      tags: ["Hosts"],
      summary: "List the tags of a host",
      params: hostParams,
      response: { 200: z.array(hostTag), ...errors(400, 404) },
    },
    handler: async (request) => {
      const id = parseId("host", request.params.id);
      return (await getVisibleHost(capsules.db, userOf(request.principal), id)).row.tags;
    },
  });
};
