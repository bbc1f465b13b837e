/** The system user that Wrenn's unprivileged servers run as. */
import { WrennError } from "@wrenn/protocol/errors";
import { tryCommand } from "@wrenn/runtime/command";

export const SYSTEM_USER = "wrenn";

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined when there is no such user. */
export async function findUser(name: string = SYSTEM_USER): Promise<UserIds | undefined> {
  const { code, stdout } = await tryCommand("getent", ["passwd", name]);
  if (code !== 0) return undefined;
  const [, , uid, gid] = stdout.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

/** Makes the user unless it exists. @throws not_root, or setup_failed with what useradd said */
export async function ensureUser(): Promise<UserIds> {
  const existing = await findUser();
  if (existing !== undefined) return existing;
  if (process.getuid?.() !== 0) throw new WrennError("not_root", `making the system user ${SYSTEM_USER} needs root`);
  const options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"];
  const { stderr } = await tryCommand("useradd", [...options, "--shell", "/usr/sbin/nologin", SYSTEM_USER]);
  // Another setup may have made it meanwhile: what counts is that it is there.
  const made = await findUser();
  if (made === undefined) throw new WrennError("setup_failed", `useradd ${SYSTEM_USER} failed: ${stderr.trim()}`);
  return made;
}
