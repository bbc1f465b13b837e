/** GET /v1/capsules: newest first, without those that ended. */
import { capsuleSchema, listCapsulesQuery } from "@wrenn/protocol/rest/capsules";
import { PUBLIC_STATUS, STATES } from "@wrenn/protocol/states";
import { z } from "zod";
import { type CapsuleFilter, listVersions, readVersions } from "../../capsules/list.ts";
import { SharedReads } from "../../db/shared-reads.ts";
import { team } from "../access.ts";
import { NEXT_HEADER, parseCursor, placeToCursor } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { CapsuleTexts } from "./texts.ts";

interface Page {
  /** JSON, as bytes: it may be sent many times */
  readonly body: Buffer;
  /** cursor of the next page, when there is one */
  readonly next: string | undefined;
}

export const listCapsules: Route = (app, { capsules: { db } }) => {
  const texts = new CapsuleTexts();
  const pages = new SharedReads<Page>();

  async function readPage(teamId: string, filter: CapsuleFilter): Promise<Page> {
    const { capsules, end } = await listVersions(db, teamId, filter);
    const unknown = capsules.filter((capsule) => !texts.knows(capsule)).map(({ id }) => id);
    if (unknown.length > 0) for (const { row, version } of await readVersions(db, unknown)) texts.keep(row, version);
    const list = capsules.flatMap(({ id }) => texts.get(id) ?? []);
    const isFull = capsules.length === filter.limit;
    return { body: Buffer.from(`[${list.join(",")}]`), next: isFull && end ? placeToCursor(end) : undefined };
  }

  app.route({
    method: "GET",
    url: "/v1/capsules",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "listCapsules",
      tags: ["Capsules"],
      summary: "List the capsules that have not ended, newest first",
      querystring: listCapsulesQuery,
      response: { 200: z.array(capsuleSchema), ...errors(400) },
    },
    handler: async ({ query, teamId }, reply) => {
      const { limit, cursor, status, metadata } = query;
      const states = status && STATES.filter((state) => status.includes(PUBLIC_STATUS[state]));
      const filter = { limit, states, metadata, after: parseCursor(cursor) };
      const { body, next } = await pages.read(JSON.stringify([teamId, query]), () => readPage(teamId, filter));
      if (next !== undefined) reply.header(NEXT_HEADER, next);
      reply.header("content-type", "application/json; charset=utf-8");
      return reply.send(body as never);
    },
  });
};
