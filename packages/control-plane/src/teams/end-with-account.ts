/** The end of teams that end with the account of the only one who was in them. */
import type { CapsuleDeps } from "../capsules/deps.ts";
import { deleteAccount } from "../identity/delete-account.ts";
import type { AccountDeps } from "../identity/deps.ts";
import type { UserPrincipal } from "../identity/principal.ts";
import { holdPlacement } from "../placement/load.ts";
import { endTeam, finishTeam } from "./delete.ts";

/** @returns UUIDs of the teams that ended with it. @throws what deleteAccount throws */
export async function deleteAccountAndTeams(
  deps: CapsuleDeps,
  accounts: AccountDeps,
  user: UserPrincipal,
): Promise<string[]> {
  const finish = new Map<string, () => void>();
  await deleteAccount(accounts, user, {
    begin: holdPlacement,
    async end(tx, teamId) {
      const left = await endTeam(tx, deps, teamId, { reason: "request" });
      finish.set(teamId, () => finishTeam(deps, teamId, left));
    },
  });
  for (const one of finish.values()) one();
  return [...finish.keys()];
}
