/** GET /auth/oauth/{provider}: sends the browser there. */
import { z } from "zod";
import { ANYONE } from "../access.ts";
import type { Route } from "../route.ts";
import { beginTrip } from "./trip.ts";

export const startOAuth: Route = (app, { oauth }) => {
  app.route({
    method: "GET",
    url: "/auth/oauth/:provider",
    config: { access: ANYONE },
    schema: {
      hide: true,
      params: z.object({ provider: z.string() }),
      querystring: z.object({ intent: z.enum(["login", "signup"]).default("login") }),
    },
    handler: (request, reply) => reply.redirect(beginTrip(oauth, reply, request.params.provider, request.query.intent)),
  });
};
