/** What routes of hosts have in common. */
import { idFromUuid } from "@wrenn/protocol/ids";
import { hostTag } from "@wrenn/protocol/rest/hosts";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { HostRow } from "../../db/schema.ts";

export const hostParams = z.object({ id: z.string().describe("Host") });
export const hostTagParams = hostParams.extend({ tag: hostTag });

/** What a team does with its host is for the team to read; the rest is the platform's. */
export function auditedHost({ id, teamId }: HostRow, metadata?: Record<string, unknown>): FastifyRequest["audited"] {
  return {
    resourceId: idFromUuid("host", id),
    ...(teamId === null ? {} : { teamId }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
