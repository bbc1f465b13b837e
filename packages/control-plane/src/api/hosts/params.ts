/** What routes of hosts have in common. */
import { type Id, idFromUuid, idToUuid, PLATFORM_TEAM, parseId } from "@wrenn/protocol/ids";
import { hostTag } from "@wrenn/protocol/rest/hosts";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Database } from "../../db/database.ts";
import type { HostRow } from "../../db/schema.ts";
import { getManagedHost } from "../../hosts/manage.ts";
import { userOf } from "../access.ts";

export const hostParams = z.object({ id: z.string().describe("Host") });
export const hostTagParams = hostParams.extend({ tag: hostTag });

/** What is done with a team's host is for the team to read; the rest is the platform's, whatever team the session is in. */
export function auditedHost({ id, teamId }: HostRow, metadata?: Record<string, unknown>): FastifyRequest["audited"] {
  return {
    resourceId: idFromUuid("host", id),
    teamId: teamId ?? idToUuid(PLATFORM_TEAM),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/**
 * The host that is about to be changed. In whose log that belongs is settled before: it may fail half-way.
 * @throws not_found, forbidden
 */
export async function hostToChange(
  request: FastifyRequest,
  db: Database,
  wireId: string,
  metadata?: Record<string, unknown>,
): Promise<Id<"host">> {
  const id = parseId("host", wireId);
  const asker = userOf(request.principal);
  if (asker.isAdmin) request.audited = { teamId: idToUuid(PLATFORM_TEAM) };
  request.audited = auditedHost((await getManagedHost(db, asker, id)).row, metadata);
  return id;
}
