/** Who may do what: roles of users in teams, and scopes of API keys. */

/** Most rights first. */
export const ROLES = ["owner", "admin", "member"] as const;
export type Role = (typeof ROLES)[number];

/** Whether somebody with the role `has` may do what needs `needs`. */
export function hasRole(has: Role, needs: Role): boolean {
  return ROLES.indexOf(has) <= ROLES.indexOf(needs);
}

/**
 * What an API key may be good for: to see capsules, to make, pause and destroy them, to do something inside them, and the same
 * for snapshots.
 */
export const SCOPES = ["capsules:read", "capsules:write", "capsules:use", "snapshots:read", "snapshots:write"] as const;
export type Scope = (typeof SCOPES)[number];

/** What a route asks of whoever sends a request. */
export type Access =
  /** nobody in particular */
  | { readonly who: "anyone" }
  /** an API key with this scope, or a member of the team that the session is in */
  | { readonly who: "team"; readonly scope: Scope }
  /** somebody who is signed in, whatever their team */
  | { readonly who: "user" }
  /** somebody who is signed in and has at least this role in the team that the session is in; no API key does */
  | { readonly who: "member"; readonly role: Role }
  /** an administrator of the platform who is signed in; `platform`: about what belongs to the platform's own team */
  | { readonly who: "admin"; readonly about?: "platform" }
  /** a host, by the token that it was given */
  | { readonly who: "host" };
