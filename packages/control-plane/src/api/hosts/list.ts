/** GET /v1/hosts: all for administrators of the platform, for others those of their team. */
import { hostSchema } from "@wrenn/protocol/rest/hosts";
import { z } from "zod";
import { asUser } from "../../hosts/access.ts";
import { listVisibleHosts } from "../../hosts/manage.ts";
import { USER } from "../access.ts";
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
      response: { 200: z.array(hostSchema), ...errors(403) },
    },
    handler: async (request) => {
      return (await listVisibleHosts(capsules.db, asUser(request.principal))).map(toNamedHost);
    },
  });
};
