/** Structured logs: one JSON object a line on stdout, read by `wrenn logs`. */
import { type Logger, pino } from "pino";

export type { Logger };

const SECRETS = ["password", "token", "secret", "apiKey", "api_key", "authorization", "key"];

export function createLogger(component: string, level = "info"): Logger {
  return pino({
    level,
    base: { component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" },
  });
}
