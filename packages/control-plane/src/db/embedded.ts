/**
 * The embedded PostgreSQL: a private cluster on a Unix socket, kept running until close(). One session to it is held all
 * the time: its end is how a crash is noticed, and an advisory lock on it says which process stops the server in the end.
 */
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import type { Logger } from "@wrenn/runtime/logger";
import { isAlive, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import { waitFor } from "@wrenn/runtime/wait";
import { Client } from "pg";
import { findPrograms, publishBinaries } from "./embedded/binaries.ts";
import { CLUSTER_USER, ensureCluster } from "./embedded/cluster.ts";
import {
  findPostmaster,
  logTail,
  type PostmasterOptions,
  startPostmaster,
  stopPostmaster,
} from "./embedded/postmaster.ts";
import { findSystemUser, type SystemUser } from "./embedded/system-user.ts";
import { ADVISORY_LOCKS } from "./locks.ts";

const DATABASE = "wrenn";
const READY_TIMEOUT_MS = 60_000;
const START_ATTEMPTS = 3;
const RETRY_MS = { first: 200, most: 5_000 };

export interface EmbeddedPostgresOptions {
  /** folder of another PostgreSQL's programs, e.g. the distribution's */
  binDir?: string;
}

async function makeSocketFolder(layout: Layout, user: SystemUser): Promise<string> {
  await mkdir(layout.run, { recursive: true, mode: 0o711 });
  await chmod(layout.run, 0o711);
  const socketDir = join(layout.run, "pg");
  await mkdir(socketDir, { recursive: true, mode: 0o700 });
  await chown(socketDir, user.uid, user.gid);
  return socketDir;
}

/**
 * Starts the server, or attaches to the one that runs on the same data already, and makes the database.
 * @throws setup_required, not_root, config_invalid, unsupported_platform; database_unavailable when it does not start
 */
export async function startEmbeddedPostgres(
  layout: Layout,
  logger: Logger,
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const user = await findSystemUser();
  const programs = await findPrograms(options.binDir ?? (await publishBinaries(layout.cache)));
  await ensureCluster(layout.postgres, programs, user);
  const server = new EmbeddedPostgres(
    {
      programs,
      user,
      data: layout.postgres,
      socketDir: await makeSocketFolder(layout, user),
      logFile: join(layout.logs, "postgres.log"),
      name: `wrenn-${layout.instance}`,
    },
    logger,
  );
  await server.start();
  return server;
}

export class EmbeddedPostgres implements AsyncDisposable {
  readonly #options: PostmasterOptions;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  #session: Client | undefined;
  #server: ProcessIdentity | undefined;
  #owner = false;
  #recovery: Promise<void> = Promise.resolve();

  /** Use `startEmbeddedPostgres`. */
  constructor(options: PostmasterOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  /** Connection string of the database; `database` names another one of the same cluster. */
  urlOf(database: string): string {
    return `postgresql://${CLUSTER_USER}@localhost/${database}?host=${encodeURIComponent(this.#options.socketDir)}`;
  }

  get url(): string {
    return this.urlOf(DATABASE);
  }

  /** Process id of the server. */
  get pid(): number | undefined {
    return this.#server?.pid;
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#attach();
        return;
      } catch (error) {
        // Another process may have started the same cluster a moment earlier: then there is one to attach to.
        if (attempt === START_ATTEMPTS || this.#closing.signal.aborted) throw error;
        await sleep(RETRY_MS.first);
      }
    }
  }

  /** Stops the server, unless another process owns it. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#recovery;
    this.#closing.abort();
    await this.#recovery;
    if (this.#owner && this.#server !== undefined) await stopPostmaster(this.#server);
    await this.#session?.end().catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #attach(): Promise<void> {
    const running = findPostmaster(this.#options.data);
    const server = running ?? (await startPostmaster(this.#options));
    try {
      await this.#open(server);
    } catch (error) {
      if (running === undefined) await stopPostmaster(server);
      throw error;
    }
    this.#logger.info({ event: "postgres_ready", pid: server.pid, attached: running !== undefined });
  }

  /** Opens the session that is held, and makes the database. */
  async #open(server: ProcessIdentity): Promise<void> {
    const session = await this.#connect(server);
    try {
      const { rows } = await session.query("SELECT pg_try_advisory_lock($1) AS owner", [ADVISORY_LOCKS.embeddedOwner]);
      const found = await session.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
      if (found.rowCount === 0) await session.query(`CREATE DATABASE ${DATABASE}`).catch(ignoreDuplicate);
      this.#owner = rows[0]?.owner === true;
    } catch (error) {
      await session.end().catch(() => {});
      throw error;
    }
    this.#server = server;
    this.#session = session;
    session.once("end", () => this.#recover());
  }

  async #connect(server: ProcessIdentity): Promise<Client> {
    const session = await waitFor(() => this.#tryConnect(server), {
      timeoutMs: READY_TIMEOUT_MS,
      intervalMs: 10,
      signal: this.#closing.signal,
    });
    if (session !== undefined) return session;
    throw new WrennError("database_unavailable", "the embedded PostgreSQL does not become ready");
  }

  async #tryConnect(server: ProcessIdentity): Promise<Client | undefined> {
    const session = new Client({ connectionString: this.urlOf("postgres"), application_name: "wrenn-owner" });
    // Without a listener a broken session would end the process; "end" follows in any case.
    session.on("error", () => {});
    try {
      await session.connect();
      return session;
    } catch (error) {
      await session.end().catch(() => {});
      if (isAlive(server)) return undefined;
      const said = await logTail(this.#options.logFile);
      throw new WrennError("database_unavailable", `the embedded PostgreSQL did not start: ${said}`, { cause: error });
    }
  }

  #recover(): void {
    if (this.#closing.signal.aborted) return;
    this.#logger.error({ event: "postgres_lost", pid: this.#server?.pid });
    this.#recovery = this.#restart();
  }

  async #restart(): Promise<void> {
    const { signal } = this.#closing;
    for (let pause = RETRY_MS.first; !signal.aborted; pause = Math.min(pause * 2, RETRY_MS.most)) {
      try {
        return await this.#attach();
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.error({ event: "postgres_restart_failed", err: error });
        await sleep(pause, undefined, { signal }).catch(() => {});
      }
    }
  }
}

function ignoreDuplicate(error: Error & { code?: string }): void {
  // 42P04: another process made it at the same moment; 23505 when both were even closer.
  if (error.code !== "42P04" && error.code !== "23505") throw error;
}
