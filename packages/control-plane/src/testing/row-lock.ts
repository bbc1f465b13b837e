/** Holds rows as another transaction would, so that requests about them meet in the order that a test wants. */
import type { Database } from "../db/database.ts";
import { until } from "./until.ts";

export class RowLock implements AsyncDisposable {
  readonly #db: Database;
  readonly #release: () => Promise<void>;

  private constructor(db: Database, release: () => Promise<void>) {
    this.#db = db;
    this.#release = release;
  }

  /** @param query a SELECT … FOR UPDATE */
  static async take(db: Database, query: string, values: unknown[]): Promise<RowLock> {
    const client = await db.pool.connect();
    await client.query("BEGIN");
    await client.query(query, values);
    return new RowLock(db, async () => {
      await client.query("COMMIT");
      client.release();
    });
  }

  /** As many transactions of the database wait for a lock now. */
  async waiting(count: number): Promise<void> {
    await until(async () => {
      const { rows } = await this.#db.pool.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return rows.length === count;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release();
  }
}
