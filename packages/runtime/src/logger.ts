/** Structured logs: one JSON object a line on stdout, read by `wrenn logs`. */
import { type DestinationStream, type Logger, type LoggerOptions, pino } from "pino";

export type { Logger };

const SECRETS = ["password", "token", "secret", "apiKey", "api_key", "authorization", "key"];

/** @param destination stdout when absent */
export function createLogger(component: string, level = "info", destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: toLogged },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

interface AnyError extends Error {
  readonly code?: unknown;
  /** of a query that failed: its text, and the values that it was sent with */
  readonly query?: unknown;
  readonly params?: unknown;
}

/**
 * What an error is and where it comes from, with its causes. What else libraries hang on it stays out, for it may be what was
 * sent: the values of a query, the row that was refused, the request with its headers.
 */
function toLogged(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name: type, message: said, code, stack = "", cause, query, params }: AnyError = error;
  const message = params === undefined ? said : `query failed: ${String(query)}`;
  return {
    type,
    message,
    stack: stack.replace(said, () => message),
    ...(typeof code === "string" ? { code } : {}),
    ...(cause instanceof Error ? { cause: toLogged(cause) } : {}),
    ...(error instanceof AggregateError ? { errors: error.errors.map(toLogged) } : {}),
  };
}
