/** Whether somebody may use a route: a pure function, which the test of all routes and all roles goes through. */
import { type Access, hasRole } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { Principal } from "./principal.ts";

/** What follows for the request: the team that it is about, where there is one. */
export interface Granted {
  /** UUID */
  readonly teamId: string | undefined;
}

/** @throws unauthorized for nobody, forbidden, no_team */
export function authorise(access: Access, principal: Principal | undefined): Granted {
  if (access.who === "anyone") return { teamId: undefined };
  if (principal === undefined) throw new WrennError("unauthorized", unauthorizedMessage(access));
  if ((access.who === "host") !== (principal.kind === "host"))
    throw new WrennError("unauthorized", "wrong credentials");
  if (principal.kind === "host") return { teamId: undefined };
  if (principal.kind === "api_key") {
    if (access.who !== "team") throw new WrennError("forbidden", "this cannot be done with an API key: sign in");
    const { scopes, teamId } = principal;
    if (scopes !== null && !scopes.includes(access.scope)) {
      throw new WrennError("forbidden", `this API key has no scope ${access.scope}`);
    }
    return { teamId };
  }
  const { membership } = principal;
  switch (access.who) {
    case "user":
      return { teamId: membership?.teamId };
    case "admin":
      if (!principal.isAdmin) throw new WrennError("forbidden", "only administrators of the platform may do this");
      return { teamId: access.about === "platform" ? idToUuid(PLATFORM_TEAM) : membership?.teamId };
    case "member":
    case "team":
      if (membership === undefined) throw new WrennError("no_team", "you are not in this team: switch to another one");
      if (access.who === "member" && !hasRole(membership.role, access.role)) {
        throw new WrennError(
          "forbidden",
          `this takes the role ${access.role} in the team, and yours is ${membership.role}`,
        );
      }
      return { teamId: membership.teamId };
    default:
      throw new WrennError("forbidden", "this is for hosts");
  }
}

function unauthorizedMessage(access: Access): string {
  switch (access.who) {
    case "team":
      return "the X-API-Key header is missing";
    case "host":
      return "the X-Host-Token header is missing";
    default:
      return "sign in first: the Authorization header is missing";
  }
}
