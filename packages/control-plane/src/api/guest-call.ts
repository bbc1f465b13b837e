/** What every route that reaches into a capsule has in common. */
import { parseId } from "@wrenn/protocol/ids";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { GuestCall } from "../capsules/guest.ts";
import { clientSignal } from "./route.ts";

/** What the placement of a capsule, or the way to its host, may fail with. */
export const HOST_ERRORS = ["host_unavailable", "no_hosts_available"] as const;

/** What such routes may answer with, besides what every route does: a paused capsule may be woken first. */
export const GUEST_ERRORS = [
  400,
  404,
  409,
  "invalid_state",
  413,
  501,
  502,
  ...HOST_ERRORS,
  507,
  "quota_exceeded",
] as const;

/** @throws invalid_request for a malformed id */
export function guestCall(
  request: Pick<FastifyRequest, "teamId"> & { readonly params: { readonly id: string } },
  reply: FastifyReply,
): GuestCall {
  return {
    teamId: request.teamId,
    id: parseId("capsule", request.params.id),
    signal: clientSignal(reply),
  };
}
