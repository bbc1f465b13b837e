/** What tests of all routes find in the database, where no request makes it, or only one with a mail in between. */
import { randomUUID } from "node:crypto";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import { eq, sql } from "drizzle-orm";
import { deliveries, type TokenPurpose, userIdentities, users } from "../db/schema.ts";
import { makeMailToken } from "../identity/mail-tokens.ts";
import { hashPassword } from "../identity/passwords.ts";
import { insertSession } from "../identity/sessions.ts";
import { JOBS_SCHEMA } from "../jobs/jobs.ts";
import { purgeEndedSessions } from "../jobs/purge-sessions.ts";
import { newEmail, PASSWORD } from "./people.ts";
import type { TestPlatform, TestUser } from "./platform.ts";

/** UUID of somebody who has signed up and not followed the link yet. */
export async function addNewcomer({ db }: TestPlatform): Promise<string> {
  const id = randomUUID();
  await db.queries.insert(users).values({ id, email: newEmail(), name: "New", status: "inactive" });
  return id;
}

/** UUID of who has the address. */
export async function userWithEmail({ db }: TestPlatform, email: string): Promise<string> {
  const [row] = await db.queries.select({ id: users.id }).from(users).where(eq(users.email, email));
  if (row === undefined) throw new Error(`nobody has ${email}`);
  return row.id;
}

/** As the mail has it. */
export function addMailToken({ db }: TestPlatform, purpose: TokenPurpose, userId: string): Promise<string> {
  return makeMailToken(db.queries, purpose, userId);
}

/** The user can sign in with PASSWORD. */
export async function setPassword({ db }: TestPlatform, { id }: TestUser): Promise<void> {
  const passwordHash = await hashPassword(PASSWORD);
  await db.queries.update(users).set({ passwordHash }).where(eq(users.id, id));
}

/** Wire id of a session of theirs elsewhere. */
export async function addSession({ db }: TestPlatform, { id }: TestUser): Promise<string> {
  const origin = { sourceAddress: undefined, userAgent: undefined };
  return idFromUuid("session", await insertSession(db.queries, id, origin));
}

/** The user can sign in with an account at GitHub. */
export async function addGithubAccount({ db }: TestPlatform, { id }: TestUser): Promise<void> {
  await db.queries.insert(userIdentities).values({ provider: "github", subject: randomUUID(), userId: id });
}

/** Wire id of what a channel was told in vain. @param channel its wire id */
export async function addDeadDelivery({ db }: TestPlatform, channel: string): Promise<string> {
  const id = randomUUID();
  const channelId = idToUuid(parseId("channel", channel));
  await db.queries.insert(deliveries).values({ id, channelId, event: "host.up", payload: {}, status: "dead" });
  return idFromUuid("delivery", id);
}

/** Wire id of a job that has failed; background work has to have begun. */
export async function addFailedJob({ db }: TestPlatform): Promise<string> {
  const id = randomUUID();
  const table = sql.raw(`${JOBS_SCHEMA}.job`);
  await db.queries.execute(
    sql`insert into ${table} (id, name, state, data) values (${id}, ${purgeEndedSessions.name}, 'failed', '{}')`,
  );
  return idFromUuid("job", id);
}
