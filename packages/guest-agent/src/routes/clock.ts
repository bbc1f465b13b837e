/** `GET /clock`: the machine's clocks. The host halves the time of the round trip, so nothing else is done in it. */
import type { GuestClock } from "@wrenn/protocol/guest-http";
import type { Agent } from "../agent.ts";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import { monotonicMs } from "../system/clock.ts";

export function clockRoute({ reclaimer }: Pick<Agent, "reclaimer">): RouteHandler {
  return (_request, response) => {
    sendJson(response, 200, readClocks());
    reclaimer.checkSoon();
  };
}

export function readClocks(): GuestClock {
  return { monotonicMs: monotonicMs(), realtimeMs: Date.now() };
}
