/** What the functions about accounts work with. */
import type { Database } from "../db/database.ts";
import type { Links } from "../mail/links.ts";
import type { Mailer } from "../mail/mailer.ts";
import type { ResetRequest } from "./password-reset.ts";

export interface AccountDeps {
  readonly db: Database;
  readonly mailer: Mailer;
  readonly links: Links;
  /** Keeps it until `sendResetLink` has carried it out. @throws database_unavailable */
  readonly postReset: (request: ResetRequest) => Promise<void>;
  /** signs tokens of sessions */
  readonly sessionSecret: Uint8Array;
}
