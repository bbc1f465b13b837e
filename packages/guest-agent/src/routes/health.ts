/** `GET /health`: the agent answers, and which one it is. */
import type { GuestHealth } from "@wrenn/protocol/guest-http";
import type { RouteHandler } from "../http/router.ts";
import { sendJson } from "../http/respond.ts";
import manifest from "../../package.json" with { type: "json" };

const HEALTH: GuestHealth = { version: manifest.version };

export const health: RouteHandler = (_request, response) => {
  response.setHeader("cache-control", "no-store");
  sendJson(response, 200, HEALTH);
};
