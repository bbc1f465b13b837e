/** GET /v1/hosts: all for administrators of the platform, for others those of their team. */
import { hostSchema } from "@wrenn/protocol/rest/hosts";
import { z } from "zod";
import { listVisibleHosts } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toNamedHost } from "./view.ts";

export const listHosts: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/hosts",
    config: { access: USER },
    schema: {
      operationId: "listHosts",
      tags: ["Hosts"],
      summary: "List hosts",
      response: { 200: z.array(hostSchema), ...errors() },
    },
    handler: async (request) => {
      return (await listVisibleHosts(capsules.db, userOf(request.principal))).map(toNamedHost);
    },
  });
};
