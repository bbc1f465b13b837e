/** `GET /clock`: the machine's clocks. The host halves the time of the round trip, so nothing else is done in it. */
import type { GuestClock } from "@wrenn/protocol/guest-http";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import { monotonicMs } from "../system/clock.ts";

export const clock: RouteHandler = (_request, response) => {
  const reading: GuestClock = { monotonicMs: monotonicMs(), realtimeMs: Date.now() };
  sendJson(response, 200, reading);
};
