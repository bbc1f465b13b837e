/**
 * Background work on pg-boss, in a schema of its own of the same database. Every control plane works; a job is one's at a time.
 * It starts by itself as soon as the database lets it, and nothing waits for that.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { sql } from "drizzle-orm";
import { fromDrizzle, type Job, PgBoss } from "pg-boss";
import type { Queries } from "../db/database.ts";
import { fromDatabaseError } from "../db/errors.ts";
import { withQueryLimit } from "../db/limited-client.ts";
import { Hopeless, type JobType } from "./define.ts";
import type { JobDeps } from "./deps.ts";

export const JOBS_SCHEMA = "pgboss";

/** Jobs of one kind that one control plane runs at a time. */
const CONCURRENCY = 2;
const RETRY_START_MS = { first: 250, most: 5_000 };
/** A query of a job, and one of the queues: they go through more rows than those of requests. */
const QUERY_MS = { job: 300_000, queue: 30_000 };
/** Where the commit takes longer, the job waits for the next look. */
const COMMIT_MS = 50;
/** How long the end waits for jobs that run: less than requests are given. */
const GRACE_MS = 8_000;

export interface JobTimes {
  /** seconds without a sign of life after which a job's process counts as dead; at least 10 */
  readonly deadAfterSec: number;
  /** seconds between two looks for such jobs */
  readonly lookSec: number;
  /** seconds between two looks for jobs that others sent or gave back: what this process sends, it looks for at once */
  readonly pollSec: number;
  /** seconds that `ready` waits for the start */
  readonly startSec: number;
}

const TIMES: JobTimes = { deadAfterSec: 30, lookSec: 15, pollSec: 5, startSec: 5 };

export class Jobs implements AsyncDisposable {
  readonly #deps: JobDeps;
  readonly #types: readonly JobType[];
  readonly #times: JobTimes;
  readonly #closing = new AbortController();
  /** ids of the workers of each kind, so that they can be woken */
  readonly #workers = new Map<string, string[]>();
  #boss: PgBoss | undefined;
  #starting: Promise<void> = Promise.resolve();

  constructor(deps: JobDeps, types: readonly JobType[], times = TIMES) {
    this.#deps = deps;
    this.#types = types;
    this.#times = times;
  }

  /** Begins to work, now or as soon as that is possible. */
  start(): this {
    this.#starting = this.#startWhenPossible();
    return this;
  }

  /** Resolves when it works, or was closed before. */
  get started(): Promise<void> {
    return this.#starting;
  }

  get running(): boolean {
    return this.#boss !== undefined;
  }

  /**
   * Resolves when jobs can be sent. To be waited for before the transaction of a job begins: within it the rows that it holds
   * would wait, too. @throws database_unavailable when that takes too long
   */
  async ready(): Promise<void> {
    if (!this.running) await this.#begun();
    this.#required();
  }

  /**
   * Asks for a run, here or on another control plane.
   * @param queries a transaction, without which there is none
   * @throws database_unavailable at once when it is not `ready`
   */
  async send<Data extends object>(
    type: JobType<Data>,
    data: Data,
    queries: Queries = this.#deps.db.queries,
  ): Promise<void> {
    await this.#required().send(type.name, type.parse(data), { db: fromDrizzle(queries, sql) });
    // It is there when the transaction is committed, which is what transactions do next.
    setTimeout(() => this.#wake(type.name), COMMIT_MS).unref();
  }

  async #begun(): Promise<void> {
    const timeUp = new AbortController();
    await Promise.race([
      this.#starting,
      sleep(this.#times.startSec * 1000, undefined, { signal: timeUp.signal }).catch(() => {}),
    ]);
    timeUp.abort();
  }

  /** Runs a job that failed once more. @throws database_unavailable */
  async retry(name: string, id: string): Promise<void> {
    await this.#required().retry(name, id);
    this.#wake(name);
  }

  /** Takes no more jobs and waits for those that run; what takes too long is given back, and runs again elsewhere. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#starting;
    const boss = this.#boss;
    if (boss === undefined) return;
    const timeUp = new AbortController();
    const drained = Promise.all(this.#types.map(({ name }) => boss.offWork(name, { wait: true })));
    await Promise.race([drained, sleep(GRACE_MS, undefined, { signal: timeUp.signal }).catch(() => {})]);
    timeUp.abort();
    // Not before: the jobs that run may send others.
    this.#boss = undefined;
    await boss.stop({ graceful: false });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #required(): PgBoss {
    if (this.#boss === undefined) {
      throw new WrennError("database_unavailable", "background work has not begun yet: try again in a moment");
    }
    return this.#boss;
  }

  #wake(name: string): void {
    for (const worker of this.#workers.get(name) ?? []) this.#boss?.notifyWorker(worker);
  }

  async #startWhenPossible(): Promise<void> {
    const { signal } = this.#closing;
    let pause = RETRY_START_MS.first;
    while (!signal.aborted) {
      const boss = this.#newBoss();
      try {
        await boss.start();
        for (const type of this.#types) await this.#work(boss, type);
        this.#boss = boss;
        return;
      } catch (err) {
        this.#deps.logger.warn({ event: "jobs_not_started", err });
        await boss.stop({ graceful: false }).catch(() => {});
      }
      await sleep(pause, undefined, { signal }).catch(() => {});
      pause = Math.min(pause * 2, RETRY_START_MS.most);
    }
  }

  #newBoss(): PgBoss {
    const { db, logger } = this.#deps;
    const boss = new PgBoss({
      schema: JOBS_SCHEMA,
      db: { executeSql: (text, values) => withQueryLimit(QUERY_MS.queue, () => db.pool.query(text, values)) },
      superviseIntervalSeconds: this.#times.lookSec,
      monitorIntervalSeconds: this.#times.lookSec,
      flowIntervalSeconds: 3600,
      maintenanceIntervalSeconds: 3600,
      reindex: false,
      monitorVacuum: false,
    });
    boss.on("error", (error) => logger.warn({ event: "jobs_error", reason: error.message }));
    boss.on("warning", ({ message }) => logger.warn({ event: "jobs_warning", reason: message }));
    return boss;
  }

  async #work(boss: PgBoss, type: JobType): Promise<void> {
    const { name, cron, retries, timeoutSec, keepSec } = type;
    const options = {
      retryLimit: retries.limit,
      retryDelay: retries.delaySec,
      retryDelayMax: retries.maxDelaySec,
      retryBackoff: true,
      expireInSeconds: timeoutSec,
      heartbeatSeconds: this.#times.deadAfterSec,
      ...(keepSec === undefined ? {} : { deleteAfterSeconds: keepSec }),
    };
    await boss.createQueue(name, { ...options, policy: cron === undefined ? "standard" : "exclusive" });
    await boss.updateQueue(name, options);
    if (cron !== undefined) await boss.schedule(name, cron, {});
    const workers: string[] = [];
    this.#workers.set(name, workers);
    for (let i = 0; i < CONCURRENCY; i++) {
      const polling = { pollingIntervalSeconds: this.#times.pollSec };
      workers.push(
        await boss.work<unknown>(name, polling, async ([job]) => {
          if (job !== undefined) await this.#run(type, job);
        }),
      );
    }
  }

  /** The attempt that goes on was its last. */
  async #giveUp(name: string, id: string): Promise<void> {
    await this.#deps.db.queries.execute(sql`
      update ${sql.raw(JOBS_SCHEMA)}.job set retry_limit = retry_count where name = ${name} and id = ${id}`);
  }

  async #run(type: JobType, { id, name, data, retryCount, signal }: Job<unknown>): Promise<void> {
    const began = performance.now();
    const about = { job: name, id, attempt: retryCount + 1 };
    try {
      await withQueryLimit(QUERY_MS.job, () => type.runWith(this.#deps, data, signal));
      this.#deps.logger.info({ event: "job_done", ...about, ms: Math.round(performance.now() - began) });
    } catch (error) {
      // Administrators are shown what it says: not the values of a query.
      const err = fromDatabaseError(error);
      this.#deps.logger.warn({ event: "job_failed", ...about, err });
      if (error instanceof Hopeless) await this.#giveUp(name, id);
      throw err;
    } finally {
      // There may be more: then nobody waits for the next poll.
      this.#wake(name);
    }
  }
}
