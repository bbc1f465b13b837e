/** Lists in pages: `limit` and `cursor` in the query, and a header with the cursor of the next page, when there is one. */
import { WrennError } from "@wrenn/protocol/errors";
import type { FastifyReply } from "fastify";

const NEXT_HEADER = "x-next-cursor";
const CURSOR = /^(\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The last item of a page. */
export interface Place {
  /** UUID */
  readonly id: string;
  readonly createdAt: Date;
}

/** @throws invalid_request for what is no cursor of ours */
export function parseCursor(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const [, time, id] = CURSOR.exec(Buffer.from(cursor, "base64url").toString("latin1")) ?? [];
  if (id === undefined) throw new WrennError("invalid_request", "the cursor is not one of a page before");
  return { id, createdAt: new Date(Number(time)) };
}

/** To be called with a page before it is sent. */
export function nameNextPage(reply: FastifyReply, page: readonly Place[], limit: number): void {
  const last = page.at(-1);
  if (last === undefined || page.length < limit) return;
  reply.header(NEXT_HEADER, Buffer.from(`${last.createdAt.getTime()}.${last.id}`).toString("base64url"));
}
