/** Adds entries to the audit log, those of the same moment together. They outlast a database that is away for a while. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "@wrenn/protocol/errors";
import type { Logger } from "@wrenn/runtime/logger";
import type { Database } from "../db/database.ts";
import { fromDatabaseError } from "../db/errors.ts";
import { auditLogs } from "../db/schema.ts";
import type { AuditEntry } from "./entry.ts";

type Row = typeof auditLogs.$inferInsert;

/** Rows of one statement. */
const MAX_BATCH = 500;
/** Rows that wait for the database; more are left to the log of the process. */
const MAX_WAITING = 10_000;
const RETRY_MS = 250;
/** How long whoever has done something waits for its entry. */
const PATIENCE_MS = 10_000;

export class AuditLog implements AsyncDisposable {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  #waiting: Row[] = [];
  #writing: Promise<void> | undefined;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /**
   * Resolves when the entry is stored, when it cannot be, and after some seconds in any case: what it tells of is done already,
   * so that fails nothing. Then it is stored as soon as the database answers.
   */
  async record(entry: AuditEntry): Promise<void> {
    this.#waiting.push(rowOf(entry));
    this.#giveUp(this.#waiting.splice(0, this.#waiting.length - MAX_WAITING), "too many wait");
    const stored = new AbortController();
    await Promise.race([this.#flush(), sleep(PATIENCE_MS, undefined, { signal: stored.signal }).catch(() => {})]);
    stored.abort();
  }

  /** What still waits is tried once more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when everything that was recorded until now is stored. */
  async #flush(): Promise<void> {
    // Entries that come while others are written wait for the next statement, all of them together.
    await this.#writing;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const rows = this.#waiting.splice(0, MAX_BATCH);
      try {
        // An insert whose answer was lost may have been done.
        await this.#db.queries.insert(auditLogs).values(rows).onConflictDoNothing();
      } catch (error) {
        const known = fromDatabaseError(error);
        if (hasCode(known, "database_unavailable") && !this.#closing.signal.aborted) {
          this.#waiting.unshift(...rows);
          await sleep(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => {});
        } else this.#giveUp(rows, known);
      }
    }
  }

  /** The log of the process is then the only place that knows. */
  #giveUp(entries: readonly Row[], err: unknown): void {
    if (entries.length > 0) this.#logger.error({ event: "audit_failed", entries, err });
  }
}

function rowOf({ actor, ...entry }: AuditEntry): Row {
  return {
    id: randomUUID(),
    ...entry,
    metadata: entry.metadata === undefined ? null : { ...entry.metadata },
    actorType: actor.type,
    actorId: actor.id ?? null,
    actorName: actor.name ?? null,
    createdAt: new Date(),
  };
}
