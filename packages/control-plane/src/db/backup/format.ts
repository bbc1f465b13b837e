/**
 * The form of a backup: gzip of lines of JSON. The first is a header, the last a trailer that says how many rows came between;
 * each of the others is a table's name and one of its rows, as PostgreSQL writes it in JSON.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { parseJson } from "@wrenn/runtime/json";
import { z } from "zod";

const FORMAT = "wrenn-backup";
const VERSION = 1;

const headerSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  created_at: z.string(),
  /** hash of the newest migration of the database */
  migration: z.string(),
});
export type Header = z.infer<typeof headerSchema>;

const rowSchema = z.tuple([z.string(), z.record(z.string(), z.unknown())]);
export type Row = z.infer<typeof rowSchema>;

const trailerSchema = z.object({ rows: z.int().min(0) });

export function headerLine(migration: string): string {
  const header: Header = { format: FORMAT, version: VERSION, created_at: new Date().toISOString(), migration };
  return `${JSON.stringify(header)}\n`;
}

/** @param row JSON */
export function rowLine(table: string, row: string): string {
  return `[${JSON.stringify(table)},${row}]\n`;
}

export function trailerLine(rows: number): string {
  return `${JSON.stringify({ rows })}\n`;
}

/** @throws invalid_request */
export function parseHeader(line: string | undefined): Header {
  const { data } = headerSchema.safeParse(parseJson(line ?? ""));
  if (data === undefined) throw notBackup();
  return data;
}

/**
 * The rows of a backup, whose header was read before.
 * @throws invalid_request for what is none, also at the end of one that was cut off
 */
export async function* rowsOf(lines: AsyncIterable<string>): AsyncGenerator<Row> {
  let rows = 0;
  let ended = false;
  for await (const line of lines) {
    if (ended) throw new WrennError("invalid_request", "the backup goes on after its end");
    const value = parseJson(line);
    const { data: trailer } = trailerSchema.safeParse(value);
    if (trailer !== undefined) {
      // The file is read to its end: only then its checksum was compared.
      ended = trailer.rows === rows;
      if (ended) continue;
      throw new WrennError("invalid_request", `the backup says that it has ${trailer.rows} rows and has ${rows}`);
    }
    const { data } = rowSchema.safeParse(value);
    if (data === undefined) throw notBackup();
    rows += 1;
    yield data;
  }
  if (!ended) throw new WrennError("invalid_request", "the backup is cut off");
}

function notBackup(): WrennError {
  return new WrennError("invalid_request", "the file is not a backup of Wrenn");
}
