/** What routes about accounts read from their request and say of it. */
import { idFromUuid, idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { Auth } from "@wrenn/protocol/rest/accounts";
import type { FastifyRequest } from "fastify";
import type { Origin, SignedIn } from "../../identity/sessions.ts";
import type { LoginRefused } from "../../identity/sign-in.ts";

export function originOf({ ip, headers }: FastifyRequest): Origin {
  return { sourceAddress: ip, userAgent: headers["user-agent"] };
}

/** Entries about accounts are for administrators of the platform: what users do with theirs is no matter of their teams. */
export function auditAccount<Action extends string>(action: Action) {
  return { resource: "user", action, scope: "admin" } as const;
}

/** @param userId UUID */
export function auditUser(request: FastifyRequest, userId: string): void {
  request.audited = { teamId: idToUuid(PLATFORM_TEAM), resourceId: idFromUuid("user", userId) };
}

/** Of an account that exists the entry is its user's; whom an unknown address was meant for nobody knows. */
export function auditRefusedLogin(request: FastifyRequest, { user, reason }: LoginRefused): void {
  const id = user === undefined ? undefined : idFromUuid("user", user.id);
  request.audited = {
    teamId: idToUuid(PLATFORM_TEAM),
    metadata: { reason },
    refused: true,
    ...(id === undefined ? {} : { resourceId: id, actor: { type: "user", id, name: user?.name ?? "" } }),
  };
}

/** The answer to who signs in; the entry in the audit log is theirs. */
export function answerSignedIn(request: FastifyRequest, signedIn: SignedIn): Auth {
  request.principal = signedIn.principal;
  auditUser(request, signedIn.principal.userId);
  return toAuth(signedIn);
}

export function toAuth({ token, principal: { userId, membership, email, name } }: SignedIn): Auth {
  return {
    token,
    user_id: idFromUuid("user", userId),
    ...(membership === undefined ? {} : { team_id: idFromUuid("team", membership.teamId) }),
    email,
    name,
  };
}
