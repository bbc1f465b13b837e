/** Passwords: argon2id, a few at a time, and an answer that takes as long for users who do not exist. */
import { randomBytes } from "node:crypto";
import { hash, verify } from "@node-rs/argon2";
import { WrennError } from "@wrenn/protocol/errors";
import { Semaphore } from "@wrenn/runtime/locks";

/** Each hash holds 19 MiB and one of the four threads that also read files. */
const AT_ONCE = 2;
/** Hashes that may wait for their turn: about a second of them. */
const MAX_WAITING = 64;

const turns = new Semaphore(AT_ONCE);
let pending = 0;

async function inTurn<T>(body: () => Promise<T>): Promise<T> {
  if (pending >= AT_ONCE + MAX_WAITING) {
    throw new WrennError("rate_limited", "too many passwords are being checked: try again in a moment");
  }
  pending++;
  try {
    return await turns.run(body);
  } finally {
    pending--;
  }
}

/** In PHC form, with the library's defaults: argon2id, 19 MiB, two passes. @throws rate_limited */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(password));
}

let decoy: Promise<string> | undefined;

/** @param passwordHash undefined or null, for nobody or a user without a password, never matches. @throws rate_limited */
export async function checkPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  decoy ??= hash(randomBytes(32));
  const against = passwordHash ?? (await decoy);
  const matches = await inTurn(() => verify(against, password));
  return matches && typeof passwordHash === "string";
}
