/** What the functions about accounts work with. */
import type { Background } from "../background.ts";
import type { Database } from "../db/database.ts";
import type { Links } from "../mail/links.ts";
import type { Mailer } from "../mail/mailer.ts";

export interface AccountDeps {
  readonly db: Database;
  readonly mailer: Mailer;
  readonly links: Links;
  readonly background: Background;
  /** signs tokens of sessions */
  readonly sessionSecret: Uint8Array;
}
