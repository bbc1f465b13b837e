/** The data folder of the embedded PostgreSQL: made whole or not at all, and never opened by another major version. */
import { chmod, chown, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { syncDirectory } from "@wrenn/runtime/atomic-file";
import { command } from "@wrenn/runtime/command";
import type { PostgresPrograms } from "./binaries.ts";
import { assertReachable, type SystemUser } from "./system-user.ts";

/** The superuser of the cluster. Only root and the system user reach its socket, so it has no password. */
export const CLUSTER_USER = "wrenn";

/** Nothing of ours goes into the environment of PostgreSQL. */
export const POSTGRES_ENV = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

/** Bytes of the file PG_VERSION, undefined when there is no cluster. */
async function clusterVersion(data: string): Promise<string | undefined> {
  return readFile(join(data, "PG_VERSION"), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function makeCluster(data: string, programs: PostgresPrograms, user: SystemUser): Promise<void> {
  const fresh = `${data}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  await chown(fresh, user.uid, user.gid);
  const args = ["-D", fresh, "-U", CLUSTER_USER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"];
  await command(programs.initdb, [...args, "--locale=C", "--data-checksums", "--no-instructions"], {
    uid: user.uid,
    gid: user.gid,
    cwd: "/",
    env: POSTGRES_ENV,
  });
  await rename(fresh, data).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    throw new WrennError("config_invalid", `${data} holds files but no PostgreSQL cluster: move them away`, {
      cause: error,
    });
  });
  await syncDirectory(dirname(data));
}

/** Makes the cluster if there is none. @throws config_invalid when another major version of PostgreSQL made it */
export async function ensureCluster(data: string, programs: PostgresPrograms, user: SystemUser): Promise<void> {
  const state = dirname(data);
  await mkdir(state, { recursive: true, mode: 0o755 });
  // The user must be able to pass through the state folder; what is private in there has its own mode.
  await chmod(state, (await stat(state)).mode | 0o011);
  await assertReachable(data, user);
  await assertReachable(programs.postgres, user);
  const version = await clusterVersion(data);
  if (version === undefined) return makeCluster(data, programs, user);
  if (Number(version) !== programs.major) {
    throw new WrennError(
      "config_invalid",
      `${data} was made by PostgreSQL ${version}, but ${programs.postgres} is ${programs.major}`,
    );
  }
}
