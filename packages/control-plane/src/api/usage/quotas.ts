/** GET /v1/teams/{id}/quotas: what the team may hold at a time, and what it holds. */

import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { type Quotas, quotasSchema } from "@wrenn/protocol/rest/usage";
import { z } from "zod";
import { type Amounts, type QuotaLimits, quotasOf } from "../../quotas/quotas.ts";
import { member } from "../access.ts";
import { withoutNulls } from "../fields.ts";
import { errors, type Route } from "../route.ts";

function toAmounts<Value>({ capsules, vcpus, memoryMb, diskMb, snapshots }: Readonly<Record<keyof Amounts, Value>>) {
  return { capsules, vcpus, memory_mb: memoryMb, disk_mb: diskMb, snapshots };
}

function toQuotas(teamId: string, { limits, used }: { limits: QuotaLimits; used: Amounts }): Quotas {
  return { team_id: idFromUuid("team", teamId), limits: withoutNulls(toAmounts(limits)), used: toAmounts(used) };
}

export const getQuotas: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/teams/:id/quotas",
    config: { access: member("member") },
    schema: {
      operationId: "getQuotas",
      tags: ["Usage"],
      summary: "What the team may hold at a time, and what it holds",
      params: z.object({ id: z.string().describe("Id of the team") }),
      response: { 200: quotasSchema, ...errors(400, 404) },
    },
    handler: async (request) => {
      if (idToUuid(parseId("team", request.params.id)) !== request.teamId) {
        throw new WrennError("forbidden", "the session is in another team: use switch-team first");
      }
      return toQuotas(request.teamId, await quotasOf(capsules.db, capsules.quotas, request.teamId));
    },
  });
};
