/**
 * Being another user for the length of one synchronous function. A child spawned there is wholly that user, with all the
 * user's groups, which libuv's uid and gid options would drop. It needs no helper program, so it works in any root file system.
 */
import { setThreadGroup, setThreadGroups, setThreadUser } from "./libc.ts";
import type { User } from "./users.ts";

/** Runs `body` as the user. The saved ids stay root, which leads the way back; exec gives them up in the child. */
export function asUser<T>(user: User, body: () => T): T {
  if (user.uid === process.geteuid?.()) return body();
  const ownGroups = process.getgroups?.() ?? [];
  try {
    setThreadGroups(user.groups);
    setThreadGroup(user.gid, user.gid, 0);
    setThreadUser(user.uid, user.uid, 0);
    return body();
  } finally {
    setThreadUser(0, 0, 0);
    setThreadGroup(0, 0, 0);
    setThreadGroups(ownGroups);
  }
}
