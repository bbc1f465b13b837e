/** What jobs get in tests: mails go nowhere. */
import { Background } from "../../background.ts";
import type { Database } from "../../db/database.ts";
import { Encryption } from "../../encryption.ts";
import { Mailer } from "../../mail/mailer.ts";
import { silent } from "../../testing/postgres.ts";
import type { JobDeps } from "../deps.ts";

export function jobDeps(db: Database): JobDeps {
  const background = new Background(silent);
  const encryption = new Encryption({ encryption: new Uint8Array(32), retiredEncryption: [] });
  return { db, mailer: new Mailer({ smtp: undefined, background, logger: silent }), encryption, logger: silent };
}
