/** The unprivileged user that PostgreSQL runs as: it refuses root. */
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const USER = "wrenn";

/** @throws not_root, because only root may start processes of another user; setup_required when there is no such user */
export async function findSystemUser(passwdFile = "/etc/passwd"): Promise<SystemUser> {
  if (process.getuid?.() !== 0) {
    throw new WrennError("not_root", "the embedded PostgreSQL is started by root; without root, set DATABASE_URL");
  }
  const lines = (await readFile(passwdFile, "utf8")).split("\n").map((line) => line.split(":"));
  const [, , uid, gid] = lines.find(([name]) => name === USER) ?? [];
  if (uid === undefined || gid === undefined) {
    throw new WrennError("setup_required", `the system user ${USER} does not exist`);
  }
  return { name: USER, uid: Number(uid), gid: Number(gid) };
}

/** @throws config_invalid naming the first folder on the way to `path` that others may not enter */
export async function assertReachable(path: string, user: SystemUser): Promise<void> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid } = await stat(folder);
    if ((mode & 0o001) === 0 && uid !== user.uid) {
      throw new WrennError(
        "config_invalid",
        `the system user ${user.name} cannot reach ${path}: ${folder} is closed to it; choose another WRENN_DIR or WRENN_CACHE_DIR`,
      );
    }
    if (folder === dirname(folder)) return;
  }
}
