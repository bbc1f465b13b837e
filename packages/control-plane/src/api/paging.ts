/** Lists that are arrays come in pages by `limit` and `cursor` in the query, and a header with the cursor of the next page, when there is one. */
import type { FastifyReply } from "fastify";
import type { Page, Place } from "../db/page.ts";
import { fromCursor, toCursor } from "./cursor.ts";

export const NEXT_HEADER = "x-next-cursor";

/** @throws invalid_request for what is no cursor of ours */
export function parseCursor(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const [time, id] = fromCursor(cursor);
  return { id, createdAt: new Date(time) };
}

export function placeToCursor({ createdAt, id }: Place): string {
  return toCursor(createdAt.toISOString(), id);
}

/** What the query asks for. @throws invalid_request for what is no cursor of ours */
export function pageOf({ limit, cursor }: { limit: number; cursor?: string | undefined }): Page {
  return { limit, after: parseCursor(cursor) };
}

/** To be called with a page before it is sent. */
export function nameNextPage(reply: FastifyReply, page: readonly Place[], limit: number): void {
  const last = page.at(-1);
  if (last === undefined || page.length < limit) return;
  reply.header(NEXT_HEADER, placeToCursor(last));
}
