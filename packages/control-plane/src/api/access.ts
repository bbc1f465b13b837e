/** Who routes are for, as they say it. */
import type { Access, Role, Scope } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import type { Principal, UserPrincipal } from "../identity/principal.ts";

export const ANYONE: Access = { who: "anyone" };
export const USER: Access = { who: "user" };
export const ADMIN: Access = { who: "admin" };
/** Administrators, about the platform's own team. */
export const FOR_PLATFORM: Access = { who: "admin", about: "platform" };
export const HOST: Access = { who: "host" };

/** API keys with this scope, and members of the team. */
export function team(scope: Scope): Access {
  return { who: "team", scope };
}

/** Who has at least this role in the team of the session. */
export function member(role: Role): Access {
  return { who: "member", role };
}

/** Who is signed in, on routes that are for such only. */
export function userOf(principal: Principal | undefined): UserPrincipal {
  if (principal?.kind === "user") return principal;
  throw new WrennError("unauthorized", "sign in first: the Authorization header is missing");
}
