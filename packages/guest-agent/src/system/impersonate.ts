/**
 * Being another user for the length of one synchronous function, with all the user's groups, which libuv's uid and gid options
 * would drop. It needs no helper program, so it works in any root file system.
 */
import { setThreadGroup, setThreadGroups, setThreadUser } from "./libc.ts";
import type { User } from "./users.ts";

/**
 * Runs `body` with the rights of the user. The real and the saved ids stay root's: they lead the way back, and the kernel lets
 * programs of the user send signals to whoever has the user's real id. What judges by the real id must not be called.
 */
export function asUser<T>(user: User, body: () => T): T {
  if (user.uid === process.geteuid?.()) return body();
  const ownGroups = process.getgroups?.() ?? [];
  try {
    setThreadGroups(user.groups);
    setThreadGroup(-1, user.gid, 0);
    setThreadUser(-1, user.uid, 0);
    return body();
  } finally {
    setThreadUser(0, 0, 0);
    setThreadGroup(0, 0, 0);
    setThreadGroups(ownGroups);
  }
}

/**
 * Runs `body`, which spawns, in `asUser`: the child has the user's real ids too, and exec gives up the saved ones. Only for the
 * moment of it: meanwhile programs of the user can send signals to the agent.
 */
export function asRealUser<T>(body: () => T): T {
  const user = process.geteuid?.() ?? 0;
  const group = process.getegid?.() ?? 0;
  if (user === process.getuid?.()) return body();
  try {
    setThreadGroup(group, -1, -1);
    setThreadUser(user, -1, -1);
    return body();
  } finally {
    setThreadUser(0, -1, -1);
    setThreadGroup(0, -1, -1);
  }
}
