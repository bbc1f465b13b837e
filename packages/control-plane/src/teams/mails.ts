/** What the people of teams are told by mail. */

import type { Links } from "../mail/links.ts";
import type { Mailer } from "../mail/mailer.ts";
import { MAILS } from "../mail/mails.ts";
import type { Teller } from "./deps.ts";

/** The mails leave in the background, when the transaction is committed. */
export function tellByMail(mailer: Mailer, links: Links): Teller {
  return {
    ready: () => mailer.ready(),
    tell: async (queries, notice) => {
      const { to, teamName: team } = notice;
      const link = links.to("/dashboard/team");
      if (notice.event === "team_created") {
        await mailer.send(queries, to, MAILS.teamCreated({ name: to, team, link }));
      }
      if (notice.event === "team_invited") {
        await mailer.send(queries, to, MAILS.addedToTeam({ name: to, team, by: notice.invitedBy, link }));
      }
    },
  };
}
