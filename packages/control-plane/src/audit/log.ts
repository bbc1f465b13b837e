/** Adds entries to the audit log, those of the same moment together. One that cannot be stored yet is kept and tried again. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@wrenn/runtime/logger";
import type { Database } from "../db/database.ts";
import { fromDatabaseError, isRefusedRow } from "../db/errors.ts";
import { auditLogs } from "../db/schema.ts";
import type { AuditEntry } from "./entry.ts";

type Row = typeof auditLogs.$inferInsert;

interface Waiting extends PromiseWithResolvers<void> {
  readonly row: Row;
}

/** Rows of one statement. */
const MAX_BATCH = 500;
/** Entries that are kept in memory; some hundred bytes each. */
const MAX_WAITING = 20_000;
/** How long whoever records an entry is kept waiting for it. */
const PATIENCE_MS = 10_000;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 2_000;

export class AuditLog implements AsyncDisposable {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  /** oldest first */
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #lost = 0;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** Entries that will never be in the log, since this process began. */
  get lost(): number {
    return this.#lost;
  }

  /** Entries that are not in the log yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves when the entry is stored, or cannot be for ten seconds: what it tells of is done already, so that fails nothing. It is
   * stored as soon as that is possible.
   */
  async record(entry: AuditEntry): Promise<void> {
    const waiting = { row: rowOf(entry), ...Promise.withResolvers<void>() };
    this.#waiting.push(waiting);
    if (this.#waiting.length > MAX_WAITING) this.#lose(this.#waiting.splice(MAX_WAITING), "too many entries wait");
    this.#writing ??= this.#write();
    const stored = new AbortController();
    await Promise.race([waiting.promise, sleep(PATIENCE_MS, undefined, { signal: stored.signal }).catch(() => {})]);
    stored.abort();
  }

  /** Tries once more to store what waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { signal } = this.#closing;
    for (let delay = FIRST_RETRY_MS; this.#waiting.length > 0; ) {
      // Of an attempt that was underway when the end was asked for nobody knows whether it came in time.
      const last = signal.aborted;
      try {
        await this.#store(Math.min(this.#waiting.length, MAX_BATCH));
        delay = FIRST_RETRY_MS;
      } catch (error) {
        const err = fromDatabaseError(error);
        if (last) this.#lose(this.#waiting.splice(0), err);
        else {
          this.#logger.warn({ event: "audit_waits", entries: this.#waiting.length, err });
          await sleep(delay, undefined, { signal }).catch(() => {});
          delay = Math.min(delay * 2, MAX_RETRY_MS);
        }
      }
    }
    this.#writing = undefined;
  }

  /** Stores as many of those that wait, one by one when one of them is refused. @throws when the database does not do it */
  async #store(count: number): Promise<void> {
    try {
      const rows = this.#waiting.slice(0, count).map(({ row }) => row);
      // A statement whose answer did not come may have been carried out.
      await this.#db.queries.insert(auditLogs).values(rows).onConflictDoNothing({ target: auditLogs.id });
    } catch (error) {
      if (!isRefusedRow(error)) throw error;
      if (count === 1) return this.#lose(this.#waiting.splice(0, 1), fromDatabaseError(error));
      for (let left = count; left > 0; left--) await this.#store(1);
      return;
    }
    for (const { resolve } of this.#waiting.splice(0, count)) resolve();
  }

  /** The log of the process is then the only place that knows. */
  #lose(gone: readonly Waiting[], err: unknown): void {
    this.#lost += gone.length;
    this.#logger.error({ event: "audit_lost", entries: gone.map(({ row }) => row), err });
    for (const { resolve } of gone) resolve();
  }
}

function rowOf({ actor, ...entry }: AuditEntry): Row {
  return {
    id: randomUUID(),
    ...entry,
    metadata: entry.metadata === undefined ? null : storable(entry.metadata),
    actorType: actor.type,
    actorId: actor.id ?? null,
    actorName: actor.name ?? null,
    createdAt: new Date(),
  };
}

/** Text that JSON in PostgreSQL cannot hold may come from elsewhere than a request, such as a provider's name of a user. */
function storable(metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(metadata), (_name, value: unknown) =>
    typeof value === "string" ? value.toWellFormed().replaceAll("\0", "\ufffd") : value,
  );
}
