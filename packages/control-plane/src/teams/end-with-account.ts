/** The end of teams that end with the account of the only one who was in them. */
import type { CapsuleDeps } from "../capsules/deps.ts";
import { deleteAccount } from "../identity/delete-account.ts";
import type { AccountDeps } from "../identity/deps.ts";
import type { UserPrincipal } from "../identity/principal.ts";
import { holdPlacement } from "../placement/load.ts";
import { endTeam, finishTeam } from "./delete.ts";

/** @throws what deleteAccount throws */
export async function deleteAccountAndTeams(
  deps: CapsuleDeps,
  accounts: AccountDeps,
  user: UserPrincipal,
): Promise<void> {
  const finish: (() => void)[] = [];
  await deleteAccount(accounts, user, {
    begin: holdPlacement,
    async end(tx, teamId) {
      const left = await endTeam(tx, deps, teamId, { reason: "request" });
      finish.push(() => finishTeam(deps, teamId, left));
    },
  });
  for (const one of finish) one();
}
