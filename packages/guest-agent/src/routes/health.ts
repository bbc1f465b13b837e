/** `GET /health`: the agent answers, and which one it is. */
import type { GuestHealth } from "@wrenn/protocol/guest-http";
import manifest from "../../package.json" with { type: "json" };
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";

const HEALTH: GuestHealth = { version: manifest.version };

export const health: RouteHandler = (_request, response) => {
  response.setHeader("cache-control", "no-store");
  sendJson(response, 200, HEALTH);
};
