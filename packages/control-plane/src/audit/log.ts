/** Adds entries to the audit log, those of the same moment together. */
import { randomUUID } from "node:crypto";
import type { Logger } from "@wrenn/runtime/logger";
import type { Database } from "../db/database.ts";
import { auditLogs } from "../db/schema.ts";
import type { AuditEntry } from "./entry.ts";

type Row = typeof auditLogs.$inferInsert;

/** Rows of one statement. */
const MAX_BATCH = 500;

export class AuditLog {
  readonly #db: Database;
  readonly #logger: Logger;
  #waiting: Row[] = [];
  #writing: Promise<void> | undefined;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** Resolves when the entry is stored, or cannot be: what it tells of is done already, so that fails nothing. */
  record(entry: AuditEntry): Promise<void> {
    this.#waiting.push(rowOf(entry));
    return this.flush();
  }

  /** Resolves when everything that was recorded until now is stored. */
  async flush(): Promise<void> {
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
        await this.#db.queries.insert(auditLogs).values(rows);
      } catch (err) {
        // The log of the process is then the only place that knows.
        this.#logger.error({ event: "audit_failed", entries: rows, err });
      }
    }
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
