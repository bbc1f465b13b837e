/** `GET /health`: the agent answers, and which one it is. */
import { AGENT_REVISION, ENVD_VERSION, type GuestHealth } from "@wrenn/protocol/guest-http";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";

const HEALTH: GuestHealth = { version: ENVD_VERSION, revision: AGENT_REVISION };

export const health: RouteHandler = (_request, response) => {
  response.setHeader("cache-control", "no-store");
  sendJson(response, 200, HEALTH);
};
