/** GET /v1/hosts/{id}/delete-preview: what would be lost with the host. */
import { parseId } from "@wrenn/protocol/ids";
import { hostDeletePreviewSchema } from "@wrenn/protocol/rest/hosts";
import { previewDeletion } from "../../capsules/remove-host.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostParams } from "./params.ts";
import { toNamedHost } from "./view.ts";

export const previewHostDeletion: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/hosts/:id/delete-preview",
    config: { access: USER },
    schema: {
      operationId: "previewHostDeletion",
      tags: ["Hosts"],
      summary: "See what would be lost with a host",
      params: hostParams,
      response: { 200: hostDeletePreviewSchema, ...errors(400, 404) },
    },
    handler: async (request) => {
      const id = parseId("host", request.params.id);
      const { host, sandboxIds, snapshots } = await previewDeletion(capsules.db, userOf(request.principal), id);
      return { host: toNamedHost(host), sandbox_ids: sandboxIds, snapshots };
    },
  });
};
