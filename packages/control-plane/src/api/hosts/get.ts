/** GET /v1/hosts/{id} */
import { parseId } from "@wrenn/protocol/ids";
import { hostSchema } from "@wrenn/protocol/rest/hosts";
import { getVisibleHost } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { hostParams } from "./params.ts";
import { toNamedHost } from "./view.ts";

export const getHost: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/hosts/:id",
    config: { access: USER },
    schema: {
      operationId: "getHost",
      tags: ["Hosts"],
      summary: "Get a host",
      params: hostParams,
      response: { 200: hostSchema, ...errors(400, 404) },
    },
    handler: async (request) => {
      const id = parseId("host", request.params.id);
      return toNamedHost(await getVisibleHost(capsules.db, userOf(request.principal), id));
    },
  });
};
