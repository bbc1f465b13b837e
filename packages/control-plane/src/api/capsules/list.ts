/** GET /v1/capsules: newest first, without those that ended. */
import { capsuleSchema, listCapsulesQuery } from "@wrenn/protocol/rest/capsules";
import { PUBLIC_STATUS, STATES } from "@wrenn/protocol/states";
import { z } from "zod";
import { listVersions, readVersions } from "../../capsules/list.ts";
import { team } from "../access.ts";
import { nameNextPage, parseCursor } from "../paging.ts";
import { errors, type Route } from "../route.ts";
import { CapsuleTexts } from "./texts.ts";

export const listCapsules: Route = (app, { capsules: { db } }) => {
  const texts = new CapsuleTexts();
  app.route({
    method: "GET",
    url: "/v1/capsules",
    config: { access: team("capsules:read") },
    schema: {
      operationId: "listCapsules",
      tags: ["Capsules"],
      summary: "List the capsules that have not ended, newest first",
      description: "A page that is full names the next one in the header x-next-cursor.",
      querystring: listCapsulesQuery,
      response: { 200: z.array(capsuleSchema), ...errors(400) },
    },
    handler: async (request, reply) => {
      const { limit, cursor, status, metadata } = request.query;
      const states = status && STATES.filter((state) => status.includes(PUBLIC_STATUS[state]));
      const page = await listVersions(db, request.teamId, { limit, states, metadata, after: parseCursor(cursor) });
      const unknown = page.filter((capsule) => !texts.knows(capsule)).map(({ id }) => id);
      if (unknown.length > 0) for (const { row, version } of await readVersions(db, unknown)) texts.keep(row, version);
      nameNextPage(reply, page, limit);
      reply.header("content-type", "application/json; charset=utf-8");
      const list = page.flatMap(({ id }) => texts.get(id) ?? []);
      return reply.serializer((text) => text as string).send(`[${list.join(",")}]` as never);
    },
  });
};
