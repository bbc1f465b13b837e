/** POST /v1/auth/switch-team: a token of the same session in another team. */
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import { authSchema, switchTeamSchema } from "@wrenn/protocol/rest/accounts";
import { switchTeam as switchTo } from "../../identity/sign-in.ts";
import { USER, userOf } from "../access.ts";
import { errors, type Route } from "../route.ts";
import { toAuth } from "./request.ts";

export const switchTeam: Route = (app, { accounts }) => {
  app.route({
    method: "POST",
    url: "/v1/auth/switch-team",
    config: { access: USER, audit: "none" },
    schema: {
      operationId: "switchTeam",
      tags: ["Accounts"],
      summary: "Get a token for another team that you are in",
      body: switchTeamSchema,
      response: { 200: authSchema, ...errors(400, 404) },
    },
    handler: async (request) =>
      toAuth(await switchTo(accounts, userOf(request.principal), idToUuid(parseId("team", request.body.team_id)))),
  });
};
