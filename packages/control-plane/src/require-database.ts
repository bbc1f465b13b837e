/** Whether there is the database that DATABASE_URL names, and it takes its user. */
import { WrennError } from "@wrenn/protocol/errors";
import { Client } from "pg";
import { withExplicitTls } from "./database-url.ts";
import { fromDatabaseError } from "./db/errors.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** What the driver says then. */
const TIMED_OUT = "timeout expired";

/** @throws config_invalid for what does not pass by itself, naming the database and no password; database_unavailable for what does */
export async function requireDatabase(url: string): Promise<void> {
  const client = newClient(url);
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    if (isPassing(error as DatabaseError)) throw fromDatabaseError(error);
    const { host, port, database } = client;
    const problem = `DATABASE_URL names ${host}:${port}/${database}: ${reason(error as DatabaseError)}`;
    // It may be starting, as this box may be.
    const code = isAway(error as DatabaseError) ? "database_unavailable" : "config_invalid";
    throw new WrennError(code, problem, { cause: error });
  } finally {
    await client.end().catch(() => {});
  }
}

interface DatabaseError extends Error {
  readonly code?: unknown;
}

function newClient(url: string): Client {
  try {
    const connectionString = withExplicitTls(url);
    return new Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  } catch (error) {
    throw new WrennError("config_invalid", `DATABASE_URL cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Classes of SQLSTATE: no such database, 28 no such user or a wrong password, 42501 a user that may not connect. */
const REFUSED = /^(3D000|28...|42501)$/;
const SQL_STATE = /^(?=.*\d)[0-9A-Z]{5}$/;

/** A server that starts, stops, has no connection free, or was cut off. */
function isPassing({ code, message }: DatabaseError): boolean {
  if (code === "ECONNRESET" || code === "EPIPE" || message.startsWith("Connection terminated unexpectedly"))
    return true;
  return typeof code === "string" && SQL_STATE.test(code) && !REFUSED.test(code);
}

const AWAY = new Set(["ECONNREFUSED", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"]);

function isAway({ code, message }: DatabaseError): boolean {
  return AWAY.has(String(code)) || message === TIMED_OUT;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOENT: "there is no such socket",
  ENOTFOUND: "there is no host of this name",
  EAI_AGAIN: "the name of the host cannot be looked up",
  EHOSTUNREACH: "no way leads to this host",
  ENETUNREACH: "no way leads to this host",
  ETIMEDOUT: "it does not answer",
};

function reason({ code, message }: DatabaseError): string {
  if (message === TIMED_OUT) return "it does not answer";
  if (message.includes("client password must be a")) return "it asks for a password, and the URL has none";
  const known = typeof code === "string" ? REASONS[code] : undefined;
  if (known !== undefined) return known;
  const isCertificate = typeof code === "string" && /CERT|ISSUER|SIGNATURE|ALTNAME/.test(code);
  const hint = " (sslrootcert=FILE names an authority of your own, sslmode=no-verify trusts any)";
  // Behind a semicolon Node.js speaks of an option of its own.
  return isCertificate ? `its certificate is not valid: ${message.split(";")[0]}${hint}` : message;
}
