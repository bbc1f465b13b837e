/** What jobs get in tests: mails go nowhere. */
import { randomBytes } from "node:crypto";
import type { Database } from "../../db/database.ts";
import { Encryption } from "../../encryption.ts";
import { Mailer } from "../../mail/mailer.ts";
import { silent } from "../../testing/postgres.ts";
import type { JobDeps } from "../deps.ts";

export function jobDeps(db: Database): JobDeps {
  const encryption = new Encryption({ encryption: randomBytes(32), retiredEncryption: [] });
  const outbox = { ready: async () => {}, post: async () => {} };
  const mailer = new Mailer({ smtp: undefined, logger: silent, outbox });
  return { db, mailer, encryption, logger: silent };
}
