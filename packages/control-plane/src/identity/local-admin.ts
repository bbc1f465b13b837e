/** The administrator that an instance has without anybody signing up: the one of the configuration, or one for this box. */
import { randomBytes, randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { readOrMakeFile } from "@wrenn/runtime/atomic-file";
import { and, eq } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { memberships, users } from "../db/schema.ts";
import { lockAdmins } from "./first-admin.ts";
import { hashPassword } from "./passwords.ts";
import { findUserByEmail } from "./users.ts";

const LOCAL_EMAIL = "admin@localhost";
const MIN_PASSWORD = 8;

export type AdminConfig =
  | { readonly kind: "given"; readonly email: string; readonly password: string }
  /** a password of our making, in a file of root */
  | { readonly kind: "local" };

/** Makes the administrator, who owns the platform's team. Does nothing when there is one; `local` also when there is any user. */
export async function ensureAdmin(db: Database, config: AdminConfig, passwordFile: string): Promise<void> {
  if (config.kind === "given") {
    const user = await findUserByEmail(db.queries, config.email);
    if (user === undefined || user.status === "inactive")
      await makeAdmin(db, config.email, async () => config.password, false);
  } else if (!(await hasUsers(db.queries))) {
    await makeAdmin(db, LOCAL_EMAIL, () => readOrMakePassword(passwordFile), true);
  }
}

async function hasUsers(queries: Queries): Promise<boolean> {
  return (await queries.select({ id: users.id }).from(users).limit(1)).length > 0;
}

/** @throws config_invalid when the file holds something else */
async function readOrMakePassword(file: string): Promise<string> {
  const password = (await readOrMakeFile(file, () => `${randomBytes(16).toString("hex")}\n`)).trim();
  if (password.length < MIN_PASSWORD)
    throw new WrennError("config_invalid", `${file} does not hold a password: remove it`);
  return password;
}

/**
 * Several control planes may start at once: one of them makes the administrator, and the password.
 * @param firstOnly not when there is any user meanwhile
 */
async function makeAdmin(
  db: Database,
  email: string,
  password: () => Promise<string>,
  firstOnly: boolean,
): Promise<void> {
  await db.queries.transaction(async (transaction) => {
    await lockAdmins(transaction);
    if (firstOnly && (await hasUsers(transaction))) return;
    const passwordHash = await hashPassword(await password());
    // Somebody who signed up with this address and never showed that it is theirs gets nothing.
    await transaction.delete(users).where(and(eq(users.email, email), eq(users.status, "inactive")));
    const [made] = await transaction
      .insert(users)
      .values({ id: randomUUID(), email, name: "Administrator", passwordHash, status: "active", isAdmin: true })
      .onConflictDoNothing()
      .returning({ id: users.id });
    if (made !== undefined) await joinPlatformTeam(transaction, made.id);
  });
}

async function joinPlatformTeam(transaction: Queries, userId: string): Promise<void> {
  const teamId = idToUuid(PLATFORM_TEAM);
  const [owner] = await transaction
    .select({ userId: memberships.userId })
    .from(memberships)
    .where(and(eq(memberships.teamId, teamId), eq(memberships.role, "owner")));
  const role = owner === undefined ? "owner" : "admin";
  await transaction.insert(memberships).values({ teamId, userId, role, isDefault: true });
}
