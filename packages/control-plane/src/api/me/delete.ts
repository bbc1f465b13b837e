/** DELETE /v1/me: closes the account at once; what is left of it goes after 15 days. */
import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid } from "@wrenn/protocol/ids";
import { deleteMeSchema } from "@wrenn/protocol/rest/accounts";
import { z } from "zod";
import { deleteAccountAndTeams } from "../../teams/end-with-account.ts";
import { USER, userOf } from "../access.ts";
import { auditAccount, auditUser } from "../auth/request.ts";
import { errors, type Route } from "../route.ts";

export const deleteMe: Route = (app, { accounts, capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/me",
    config: { access: USER, audit: auditAccount("delete") },
    schema: {
      operationId: "deleteMe",
      tags: ["Accounts"],
      summary: "Delete your account, with the teams that nobody else is in",
      body: deleteMeSchema,
      response: { 204: z.undefined(), ...errors(400, 409, "owns_team_with_members") },
    },
    handler: async (request, reply) => {
      const user = userOf(request.principal);
      if (request.body.confirmation !== user.email)
        throw new WrennError("invalid_request", "confirmation must be your own e-mail address");
      auditUser(request, user.userId);
      const teams = await deleteAccountAndTeams(capsules, accounts, user);
      request.audited.metadata = { teams: teams.map((id) => idFromUuid("team", id)) };
      return reply.code(204).send();
    },
  });
};
