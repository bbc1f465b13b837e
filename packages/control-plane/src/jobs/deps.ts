/** What background work may use. */
import type { Logger } from "@wrenn/runtime/logger";
import type { Database } from "../db/database.ts";
import type { Encryption } from "../encryption.ts";
import type { Mailer } from "../mail/mailer.ts";

export interface JobDeps {
  readonly db: Database;
  readonly mailer: Mailer;
  readonly encryption: Encryption;
  readonly logger: Logger;
}
