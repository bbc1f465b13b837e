/** Lets a request through to its route only from those whom the route is for. Every route of /v1 says who that is. */
import type { Access } from "@wrenn/protocol/access";
import type { WrennError } from "@wrenn/protocol/errors";
import type { FastifyInstance } from "fastify";
import { actingAs } from "../audit/actor.ts";
import { actorOf } from "../audit/entry.ts";
import { type AuthenticateDeps, authenticate } from "../identity/authenticate.ts";
import { authorise } from "../identity/authorise.ts";
import type { Principal } from "../identity/principal.ts";
import type { Revocations } from "../identity/revocations.ts";

declare module "fastify" {
  interface FastifyInstance {
    revocations: Revocations;
  }
  interface FastifyContextConfig {
    /** who may use the route */
    access?: Access;
  }
  interface FastifyRequest {
    /** who sends it; undefined where the route is for anyone */
    principal: Principal | undefined;
    /** UUID of the team that it is about, on routes for teams and their members */
    teamId: string;
    /** why the sender may not have the answer any more, where that happened since */
    revoked: WrennError | undefined;
  }
}

interface GuardDeps extends AuthenticateDeps {
  readonly revocations: Revocations;
}

/** Register it before the routes, and after the rate limits. */
export function registerGuard(app: FastifyInstance, { revocations, ...deps }: GuardDeps): void {
  app.decorate("revocations", revocations);
  app.decorateRequest("revoked");
  app.decorateRequest("principal");
  app.decorateRequest("teamId", "");
  app.addHook("onRoute", ({ url, method, config }) => {
    if (!url.startsWith("/v1/") || config?.access !== undefined) return;
    throw new Error(`${String(method)} ${url} does not say who may use it`);
  });
  app.addHook("onRequest", async (request, reply) => {
    const access = request.routeOptions.config.access ?? { who: "anyone" };
    if (access.who === "anyone") return;
    request.principal = await authenticate(deps, request.headers);
    if (request.principal?.kind === "user") await app.limitCaller(request, request.principal.sessionId, reply);
    request.teamId = authorise(access, request.principal).teamId ?? "";
  });
  // Not before the body is there: what reads it runs its callbacks elsewhere.
  app.addHook("preHandler", (request, _reply, done) => actingAs(actorOf(request.principal), done));
}
