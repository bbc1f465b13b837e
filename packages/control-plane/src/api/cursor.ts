/** Where a page of a list ends, as clients carry it: they need not know what is in it. */
import { WrennError } from "@wrenn/protocol/errors";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export type Position = readonly [time: string, id: string];

/** @param time as precise as what the list is ordered by */
export function toCursor(...position: Position): string {
  return Buffer.from(position.join(" ")).toString("base64url");
}

/** @throws invalid_request */
export function fromCursor(cursor: string): Position {
  const text = Buffer.from(cursor, "base64url").toString();
  const at = text.lastIndexOf(" ");
  const [time, id] = [text.slice(0, at), text.slice(at + 1)];
  // PostgreSQL reads more kinds of times than this; what it writes begins so.
  const good = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.:+Z-]*$/.test(time) && !Number.isNaN(Date.parse(time));
  if (!good || !UUID.test(id)) throw new WrennError("invalid_request", "cursor is not one that this list has given");
  return [time, id];
}
