/** What every route that reaches into a capsule has in common. */
import { parseId } from "@wrenn/protocol/ids";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { GuestCall } from "../capsules/guest.ts";
import { clientSignal } from "./route.ts";

/** Statuses that such routes may answer with, besides those of every route. */
export const GUEST_STATUSES = [400, 403, 404, 409, 501, 502, 507] as const;

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
