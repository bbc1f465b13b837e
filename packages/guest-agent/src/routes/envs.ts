/** `GET /envs`: the variables that every process of the capsule is given. */
import type { Agent } from "../agent.ts";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";

export function envsRoute(agent: Pick<Agent, "settings">): RouteHandler {
  return (_request, response) => sendJson(response, 200, agent.settings.envVars);
}
