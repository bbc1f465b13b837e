/** The path parameters of the routes of one team, and what they have in common. */
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { z } from "zod";

export const teamParams = z.object({ id: z.string().describe("Id of the team that your session is in") });
export const memberParams = teamParams.extend({ uid: z.string().describe("Id of the user") });
export const invitationParams = teamParams.extend({ invitation: z.string().describe("Id of the invitation") });

/** UUID of the team. @throws forbidden when it is not the one of the session, which the guard has looked at */
export function sessionTeam(request: { readonly teamId: string; readonly params: { readonly id: string } }): string {
  const id = idToUuid(parseId("team", request.params.id));
  if (id !== request.teamId)
    throw new WrennError("forbidden", "your session is in another team: use switch-team first");
  return id;
}
