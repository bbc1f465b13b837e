/** Whom a request about files speaks for. */
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { Settings } from "../settings.ts";
import type { User, Users } from "./users.ts";

/** The user of that name, or the default one. @throws unauthorized when there is no such user */
export function findCaller({ users, settings }: { users: Users; settings: Settings }, name: string | undefined): User {
  try {
    return users.find(name || settings.defaultUser);
  } catch (error) {
    if (!hasCode(error, "invalid_request")) throw error;
    // The words that clients of envd look for.
    throw new WrennError("unauthorized", `invalid username: '${name}'`, { cause: error });
  }
}
