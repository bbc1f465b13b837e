/** What every route that reaches into a capsule has in common. */
import type { WrennError } from "@wrenn/protocol/errors";
import { parseId } from "@wrenn/protocol/ids";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { GuestCall } from "../capsules/guest.ts";

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

type GuestRequest = Pick<FastifyRequest, "teamId" | "principal" | "server" | "revoked"> & {
  readonly params: { readonly id: string };
};

/** @throws invalid_request for a malformed id */
export function guestCall(request: GuestRequest, reply: FastifyReply): GuestCall {
  return {
    teamId: request.teamId,
    id: parseId("capsule", request.params.id),
    signal: waiting(request, reply),
  };
}

/** Aborts when the client leaves before it has its answer, or may not have it any more. */
function waiting(request: GuestRequest, { raw }: FastifyReply): AbortSignal {
  const left = new AbortController();
  // It may have left while it was looked up who it is.
  if (raw.closed || raw.destroyed) {
    left.abort();
    return left.signal;
  }
  const { principal, teamId, server } = request;
  const end = (reason: WrennError) => {
    request.revoked = reason;
    left.abort();
  };
  const watched = principal && server.revocations.watch(principal, teamId, end);
  raw.once("close", () => {
    watched?.[Symbol.dispose]();
    if (!raw.writableFinished) left.abort();
  });
  return left.signal;
}
