/** The server process: found, started and stopped. It lives in its own session, so Ctrl-C of a terminal does not reach it. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { identify, isAlive, type ProcessIdentity, signalProcess } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import type { PostgresPrograms } from "./binaries.ts";
import { POSTGRES_ENV } from "./cluster.ts";
import type { SystemUser } from "./system-user.ts";

export const SOCKET_PORT = 5432;
const MAX_LOG_BYTES = 8 * 1024 * 1024;
const STOP_TIMEOUT_MS = 30_000;
const ORPHANS_TIMEOUT_MS = 30_000;

export interface PostmasterOptions {
  readonly programs: PostgresPrograms;
  readonly user: SystemUser;
  readonly data: string;
  readonly socketDir: string;
  readonly logFile: string;
  /** shown by `ps` */
  readonly name: string;
}

/** For a box that runs capsules, not databases: small, but as durable as PostgreSQL is. */
export function serverSettings({ socketDir, name, programs }: PostmasterOptions): string[] {
  const settings: Record<string, string> = {
    cluster_name: name,
    listen_addresses: "",
    port: String(SOCKET_PORT),
    unix_socket_directories: socketDir,
    unix_socket_permissions: "0700",
    fsync: "on",
    full_page_writes: "on",
    shared_buffers: "32MB",
    max_connections: "60",
    max_wal_size: "256MB",
    max_worker_processes: "2",
    autovacuum_max_workers: "1",
    wal_level: "minimal",
    max_wal_senders: "0",
    huge_pages: "off",
    jit: "off",
    log_checkpoints: "off",
  };
  // PostgreSQL 18 would keep three more processes for asynchronous reads.
  if (programs.major >= 18) settings["io_method"] = "sync";
  return Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
}

/** Every process of PostgreSQL works in its data folder; nothing else does. */
function worksIn(pid: number, data: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
  } catch {
    return false;
  }
}

function pidIn(lockFile: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(lockFile, "utf8"), 10);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** The living server of this data folder, whoever started it. */
export function findPostmaster(data: string): ProcessIdentity | undefined {
  const pid = pidIn(join(data, "postmaster.pid"));
  return pid !== undefined && worksIn(pid, data) ? identify(pid) : undefined;
}

/** The server refuses to start while children of a killed one still have its shared memory. */
async function waitForOrphans(data: string): Promise<void> {
  const gone = await waitFor(
    () => !readdirSync("/proc").some((name) => /^\d+$/.test(name) && worksIn(Number(name), data)),
    { timeoutMs: ORPHANS_TIMEOUT_MS },
  );
  if (gone === undefined) {
    throw new WrennError("database_unavailable", `processes of a killed PostgreSQL still work in ${data}`);
  }
}

/** Lock files of a dead server hold the pid of a process of something else, after a reboot even of the same user: PostgreSQL would give up. */
async function removeForeignLocks({ data, socketDir }: PostmasterOptions): Promise<void> {
  for (const lockFile of [join(data, "postmaster.pid"), join(socketDir, `.s.PGSQL.${SOCKET_PORT}.lock`)]) {
    const pid = pidIn(lockFile);
    if (pid !== undefined && identify(pid) !== undefined && !worksIn(pid, data)) await rm(lockFile, { force: true });
  }
}

async function openLog(path: string) {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES) await rename(path, `${path}.1`);
  return open(path, "a", 0o600);
}

/** The newest lines of the server's log: why it did not start. */
export async function logTail(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-3).join("\n");
}

/** Starts a server; it is not ready yet. */
export async function startPostmaster(options: PostmasterOptions): Promise<ProcessIdentity> {
  const { programs, user, data, logFile } = options;
  await waitForOrphans(data);
  await removeForeignLocks(options);
  const log = await openLog(logFile);
  try {
    const child = spawn(programs.postgres, ["-D", data, ...serverSettings(options)], {
      uid: user.uid,
      gid: user.gid,
      cwd: "/",
      env: POSTGRES_ENV,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
    return identify(child.pid ?? 0) ?? { pid: 0, startTime: "" };
  } finally {
    await log.close();
  }
}

/** Fast shutdown: sessions are ended, data is on disk. Immediate when that takes too long; the next start then recovers. */
export async function stopPostmaster(server: ProcessIdentity): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    signalProcess(server, signal);
    if (await waitFor(() => !isAlive(server), { timeoutMs: STOP_TIMEOUT_MS })) return;
  }
}
