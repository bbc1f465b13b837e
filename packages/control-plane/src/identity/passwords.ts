/** Passwords: argon2id, a few at a time, and an answer that takes as long for users who do not exist. */
import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { FairTurns } from "./fair-turns.ts";

/** Each hash holds 19 MiB and one of the four threads that also read files. */
const AT_ONCE = 2;
/** Hashes that may wait for their turn: about a second of them. */
const MAX_WAITING = 64;

const turns = new FairTurns(AT_ONCE, MAX_WAITING, "too many passwords are being checked: try again in a moment");

/** Keyboards differ in how they write one letter. */
function normalised(password: string): string {
  return password.normalize("NFKC");
}

/**
 * In PHC form, with the library's defaults: argon2id, 19 MiB, two passes.
 * @param by network that asks; networks take turns. @throws rate_limited
 */
export function hashPassword(password: string, by = ""): Promise<string> {
  return turns.run(by, () => hash(normalised(password)));
}

let decoy: Promise<string> | undefined;

/**
 * @param passwordHash undefined or null, for nobody or a user without a password, never matches
 * @param by network that asks; networks take turns. @throws rate_limited
 */
export async function checkPassword(
  passwordHash: string | null | undefined,
  password: string,
  by = "",
): Promise<boolean> {
  decoy ??= hash(randomBytes(32));
  const against = passwordHash ?? (await decoy);
  // Older hashes are of what was typed.
  for (const form of new Set([normalised(password), password])) {
    const matches = await turns.run(by, () => verify(against, form));
    if (matches) return typeof passwordHash === "string";
  }
  return false;
}
