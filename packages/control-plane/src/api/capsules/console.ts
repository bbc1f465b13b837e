/** GET /v1/capsules/{id}/console: the newest output of the serial console. */

import { parseId } from "@wrenn/protocol/ids";
import { consoleSchema } from "@wrenn/protocol/rest/capsules";
import { readConsole } from "../../capsules/console.ts";
import { team } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";

export const getConsole: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/:id/console",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "getConsole",
      tags: ["Capsules"],
      summary: "Get the newest output of a capsule's serial console",
      params: capsuleParams,
      response: { 200: consoleSchema, ...errors(400, 404, "invalid_state", 502, "host_unavailable") },
    },
    handler: async (request) => {
      const id = parseId("capsule", request.params.id);
      return { sandbox_id: id, console: await readConsole(capsules, request.teamId, id) };
    },
  });
};
