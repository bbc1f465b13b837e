/** GET /metrics: the whole installation for Prometheus. It needs no API key, but a token or a place on this machine. */
import { requireScraper } from "../identity/scraper.ts";
import { CONTENT_TYPE, exposition } from "../metrics/exposition.ts";
import { scrapeHosts } from "../metrics/hosts.ts";
import type { Route } from "./route.ts";

export const metrics: Route = (app, { capsules, metrics: own, metricsToken }) => {
  app.route({
    method: "GET",
    url: "/metrics",
    schema: { hide: true },
    onRequest: async ({ socket, headers }) => {
      requireScraper({ peer: socket.remoteAddress, headers }, metricsToken);
    },
    handler: async (_request, reply) => {
      const [ours, theirs] = await Promise.all([own.read(), scrapeHosts(capsules)]);
      return reply.type(CONTENT_TYPE).send(await exposition(ours, theirs));
    },
  });
};
