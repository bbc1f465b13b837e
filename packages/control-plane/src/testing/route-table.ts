/** All routes of the API as they declare themselves: for tests that leave none out. */
import type { Access } from "@wrenn/protocol/access";
import { fastify, type RouteOptions } from "fastify";
import type { ApiContext } from "../api/route.ts";
import * as routes from "../api/routes.ts";
import type { AuditLog } from "../audit/log.ts";
import { registerAudit } from "../http/audit.ts";
import { NO_LIMITS } from "./platform.ts";

export interface DeclaredRoute {
  /** e.g. `POST /v1/capsules/:id/pause` */
  readonly name: string;
  readonly method: string;
  readonly url: string;
  readonly access: Access;
  /** undefined for what leaves no entry */
  readonly audit: { readonly resource: string; readonly action: string; readonly scope?: string } | undefined;
  /** those that its schema documents */
  readonly statuses: readonly number[];
  /** a WebSocket */
  readonly stream: boolean;
}

function declared({ method, url, config, schema, wsHandler }: RouteOptions): DeclaredRoute {
  const { access = { who: "anyone" }, audit } = config ?? {};
  return {
    name: `${String(method)} ${url}`,
    method: String(method),
    url,
    access,
    audit: audit === "none" ? undefined : audit,
    statuses: Object.keys((schema?.response as object | undefined) ?? {}).map(Number),
    stream: wsHandler !== undefined,
  };
}

/** Those below /v1. */
export function routeTable(): DeclaredRoute[] {
  const app = fastify({ exposeHeadRoutes: false });
  const found: RouteOptions[] = [];
  registerAudit(app, undefined as unknown as AuditLog);
  app.addHook("onRoute", (route) => void found.push(route));
  const context = { capsules: {}, rateLimits: NO_LIMITS } as ApiContext;
  for (const route of Object.values(routes).flat()) route(app, context);
  return found.filter(({ url }) => url.startsWith("/v1/")).map(declared);
}
