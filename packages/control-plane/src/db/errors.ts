/** The one place that tells a database that cannot be reached from a query that is wrong. */
import { WrennError } from "@wrenn/protocol/errors";
import { DrizzleQueryError } from "drizzle-orm";

const SYSTEM_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);
/** A missing file is ENOENT too, but of "open". */
const SYSTEM_CALLS = new Set(["connect", "read", "write", "getaddrinfo"]);

/** SQLSTATE: class 08 (connection), 57P01-57P05 (shutting down, starting up), 53300 (no connection is free). */
const SQL_STATES = /^(08...|57P0[1-5]|53300)$/;

/** What `pg` throws without any code when the connection or the pool ends under a query. */
const PG_MESSAGES = [
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
];

function isConnectionError(error: Error & { code?: unknown; syscall?: unknown }): boolean {
  if (typeof error.code === "string") {
    return SQL_STATES.test(error.code) || (SYSTEM_CODES.has(error.code) && SYSTEM_CALLS.has(String(error.syscall)));
  }
  return PG_MESSAGES.some((message) => error.message.startsWith(message));
}

/** SQLSTATE of text that PostgreSQL cannot hold: 22021 in a column, 22P05 in JSON. */
const UNSTORABLE = new Set<unknown>(["22021", "22P05"]);

/**
 * A database that cannot be reached as database_unavailable, text that it cannot hold as invalid_request. A query that failed otherwise without its values, which may be
 * what nobody should find in a log; anything else as it is.
 */
export function fromDatabaseError(error: unknown): unknown {
  for (let link = error; link instanceof Error && !(link instanceof WrennError); link = link.cause) {
    if (isConnectionError(link)) {
      return new WrennError("database_unavailable", "the database does not answer: try again in a moment", {
        cause: error,
      });
    }
    if (UNSTORABLE.has((link as { code?: unknown }).code)) {
      return new WrennError("invalid_request", "the request has text that cannot be stored", { cause: link });
    }
  }
  if (error instanceof DrizzleQueryError) return new Error(`query failed: ${error.query}`, { cause: error.cause });
  return error;
}

/** Whether a row was refused because another one has its key already. @param constraint name of the unique index */
export function isDuplicate(error: unknown, constraint: string): boolean {
  for (let link = error; link instanceof Error; link = link.cause) {
    const { code, constraint: violated } = link as { code?: unknown; constraint?: unknown };
    if (code === "23505" && violated === constraint) return true;
  }
  return false;
}

/** Whether a row was refused for what is in it: SQLSTATE class 22 (data) or 23 (constraints). It is refused whenever it comes. */
export function isRefusedRow(error: unknown): boolean {
  for (let link = error; link instanceof Error; link = link.cause) {
    const { code } = link as { code?: unknown };
    if (typeof code === "string" && /^2[23]...$/.test(code)) return true;
  }
  return false;
}
