/** Routes of capsules once more, below /v1/admin/capsules: there administrators use them about the capsules of the platform's own team. */
import type { RouteOptions } from "fastify";
import { FOR_PLATFORM } from "../access.ts";
import type { App, Route } from "../route.ts";

const PATH = /^\/v1\/capsules(?=\/|$)/;

/** @param route of a path below /v1/capsules that takes the team from the request */
export function forPlatform(route: Route): Route {
  return (app, context) => {
    const mounted = { route: (options: RouteOptions) => app.route(moved(options)) };
    route(mounted as unknown as App, context);
  };
}

function moved(options: RouteOptions): RouteOptions {
  const { url, config, schema } = options;
  if (!PATH.test(url)) throw new Error(`${url} is no path of capsules`);
  const { operationId = "", summary = "" } = schema ?? {};
  return {
    ...options,
    url: url.replace(PATH, "/v1/admin/capsules"),
    config: { ...config, ...(config?.stream === undefined ? { access: FOR_PLATFORM } : { stream: FOR_PLATFORM }) },
    schema: {
      ...schema,
      tags: ["Administration"],
      ...(operationId && { operationId: `admin${operationId.charAt(0).toUpperCase()}${operationId.slice(1)}` }),
      ...(summary && { summary: `${summary}; of the platform's own team` }),
    },
  };
}
