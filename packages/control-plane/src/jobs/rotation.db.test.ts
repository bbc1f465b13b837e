import { randomBytes, randomUUID } from "node:crypto";
import { idFromUuid } from "@wrenn/protocol/ids";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Encryption } from "../encryption.ts";
import { MAILS } from "../mail/mails.ts";
import { readSecrets } from "../secrets.ts";
import { newEmail, People } from "../testing/people.ts";
import { ENGINES } from "../testing/postgres.ts";
import { Jobs } from "./jobs.ts";
import { encryptedByKey, reencrypt } from "./reencrypt.ts";
import { postMail } from "./send-mail.ts";
import { postResetRequest } from "./send-reset-link.ts";
import { jobDeps } from "./testing/deps.ts";

describe.each(ENGINES)("mails that wait while the key changes on PostgreSQL $name", (engine) => {
  let people: People;
  beforeAll(async () => {
    people = await People.start(engine);
  }, 60_000);
  afterAll(() => people[Symbol.asyncDispose]());

  /** With nobody who works on them: a mail for an address, one for another that had failed for good, and a request for a link. */
  async function leaveJobs(encryption: Encryption, waits: string, failed: string, asks: string): Promise<string> {
    const { db } = people.platform;
    await using jobs = new Jobs(jobDeps(db), []).start();
    await jobs.ready();
    const mail = MAILS.accountDeleted({ name: "Ann" });
    await postMail(jobs, encryption, db.queries, { to: failed, mail });
    const { rows } = await db.queries.execute<{ id: string }>(
      sql`update pgboss.job set state = 'failed' where name = 'send-mail' and state = 'created' returning id`,
    );
    await postMail(jobs, encryption, db.queries, { to: waits, mail });
    const page = "https://wrenn.example.com/reset-password";
    await postResetRequest(jobs, encryption, { id: randomUUID(), email: asks, page });
    return rows[0]?.id ?? "";
  }

  it("are sent when the old one is gone", async () => {
    const { platform, mailbox } = people;
    const admin = await platform.signIn({ isAdmin: true });
    const { email: asks } = await people.join();
    const [waits, failed] = [newEmail(), newEmail()];
    const given = { session: undefined, encryption: undefined };
    const { encryption: oldKey } = await readSecrets(given, platform.server.layout.secretsFile);
    await platform.stopControlPlane();
    const old = new Encryption({ encryption: oldKey, retiredEncryption: [] });
    const id = await leaveJobs(old, waits, failed, asks);
    expect(await encryptedByKey(platform.db)).toEqual({ [old.keyId]: 3 });

    const encryption = randomBytes(32);
    const rotated = new Encryption({ encryption, retiredEncryption: [oldKey] });
    const deps = { ...jobDeps(platform.db), encryption: rotated };
    await reencrypt.runWith(deps, {}, AbortSignal.timeout(30_000));
    expect(await encryptedByKey(platform.db)).toEqual({ [rotated.keyId]: 3 });

    const accounts = { smtp: mailbox.smtp, publicUrl: "https://wrenn.example.com" };
    const secrets = { session: undefined, encryption: encryption.toString("hex") };
    await platform.startControlPlane({ accounts, secrets, newSecrets: true });
    await mailbox.take(waits, /is gone$/);
    await mailbox.take(asks, /^Reset/);
    const retry = `/v1/admin/jobs/${idFromUuid("job", id)}/retry`;
    await platform.retry(() => platform.request("POST", retry, admin), 204);
    await mailbox.take(failed, /is gone$/);
  });
});
