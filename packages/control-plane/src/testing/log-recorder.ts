/** Everything that is logged, at the lowest level, and the secrets that must not be in it. */
import { createLogger, type Logger } from "@wrenn/runtime/logger";

/** Fields of requests and answers, and headers, whose values are nobody else's. */
const SECRET_FIELD =
  /(^|_|-)(password|token|secret|key|code|authorization|cookie|config|webhook_url|bot_token|access_token|key_pem)$/i;
/** What is shorter is found by chance. */
const MIN_LENGTH = 8;

export class LogRecorder {
  readonly lines: string[] = [];
  readonly logger: Logger;
  readonly #secrets = new Set<string>();

  constructor() {
    this.logger = createLogger("test", "trace", { write: (line) => void this.lines.push(line) });
  }

  /** Remembers a secret, also as it stands in a URL, and without what is the same in all of its kind. */
  know(...secrets: (string | null | undefined)[]): void {
    for (const secret of secrets) {
      const bare = secret?.replace(/^(Bearer |wrn_|e2b_)/i, "");
      if (bare === undefined || bare.length < MIN_LENGTH) continue;
      for (const form of [bare, encodeURIComponent(bare), JSON.stringify(bare).slice(1, -1)]) this.#secrets.add(form);
    }
  }

  /** Remembers what is secret in a body, a query, or headers. */
  see(value: unknown, secret = false): void {
    if (typeof value === "string" && secret) this.know(value);
    else if (value instanceof Headers) for (const [name, text] of value) this.see(text, SECRET_FIELD.test(name));
    else if (Array.isArray(value)) for (const item of value) this.see(item, secret);
    else if (typeof value === "object" && value !== null) {
      for (const [name, item] of Object.entries(value)) this.see(item, secret || SECRET_FIELD.test(name));
    }
  }

  get known(): number {
    return this.#secrets.size;
  }

  /** Each line with a secret in it, and which. */
  leaks(): string[] {
    const secrets = [...this.#secrets];
    return this.lines.flatMap((line) => {
      const found = secrets.find((secret) => line.includes(secret));
      return found === undefined ? [] : [`${found}: ${line}`];
    });
  }
}
