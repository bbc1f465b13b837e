/** Who may see and change which hosts: the platform's administrators all, a team those that it brought. */
import { hasRole } from "@wrenn/protocol/access";
import { WrennError } from "@wrenn/protocol/errors";
import type { UserPrincipal } from "../identity/principal.ts";

type Owned = { readonly teamId: string | null };

export function maySee({ isAdmin, membership }: UserPrincipal, { teamId }: Owned): boolean {
  return isAdmin || (teamId !== null && teamId === membership?.teamId);
}

/** @throws forbidden */
export function requireMayManage({ isAdmin, membership }: UserPrincipal, { teamId }: Owned): void {
  if (isAdmin) return;
  if (teamId === null) throw new WrennError("forbidden", "only administrators of the platform may do this");
  if (teamId !== membership?.teamId || !hasRole(membership.role, "admin")) {
    throw new WrennError("forbidden", "this takes the role admin in the team of the host");
  }
}
