/** Lets pages of any origin ask in a browser: what opens the agent is the token, which no browser sends by itself. */
import type { ServerResponse } from "node:http";

const PREFLIGHT = {
  "access-control-allow-methods": "GET, POST",
  // `*` stands for all headers but this one.
  "access-control-allow-headers": "*, authorization",
  /** seconds; browsers that keep it for less take their own limit */
  "access-control-max-age": "7200",
} as const;

export function allowPages(response: ServerResponse): void {
  response.setHeader("access-control-allow-origin", "*");
}

export function answerPreflight(response: ServerResponse): void {
  response.writeHead(204, PREFLIGHT).end();
}
