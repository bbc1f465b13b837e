/** What the people of teams are told by mail. */

import type { Links } from "../mail/links.ts";
import type { Mailer } from "../mail/mailer.ts";
import { MAILS } from "../mail/mails.ts";
import type { TeamNotice } from "./deps.ts";

/** Sends in the background; nobody waits for it. */
export function tellByMail(mailer: Mailer, links: Links): (notice: TeamNotice) => void {
  return (notice) => {
    const { to, teamName: team } = notice;
    const link = links.to("/dashboard/team");
    if (notice.event === "team_created") mailer.send(to, MAILS.teamCreated({ name: to, team, link }));
    if (notice.event === "team_invited") {
      mailer.send(to, MAILS.addedToTeam({ name: to, team, by: notice.invitedBy, link }));
    }
  };
}
