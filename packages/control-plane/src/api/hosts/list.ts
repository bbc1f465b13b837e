/** GET /v1/hosts: all for administrators of the platform, for others those of their team. */
import { pageQuery } from "@wrenn/protocol/rest/common";
import { hostSchema } from "@wrenn/protocol/rest/hosts";
import { z } from "zod";
import { listVisibleHosts } from "../../hosts/manage.ts";
import { USER, userOf } from "../access.ts";
import { nameNextPage, pageOf } from "../paging.ts";
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
      querystring: z.object(pageQuery),
      response: { 200: z.array(hostSchema), ...errors(400) },
    },
    handler: async ({ principal, query }, reply) => {
      const page = pageOf(query);
      const hosts = await listVisibleHosts(capsules.db, userOf(principal), page);
      nameNextPage(
        reply,
        hosts.map(({ row }) => row),
        page.limit,
      );
      return hosts.map(toNamedHost);
    },
  });
};
