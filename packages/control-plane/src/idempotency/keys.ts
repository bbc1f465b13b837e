/**
 * Requests that carry a key of the client's own, so that they can be sent again: the first one is carried out, the others get its
 * answer. While it goes on its id is claimed; what is neither claimed nor answered broke off, with its process or its database.
 */
import { createHash, randomUUID } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import type { Logger } from "@wrenn/runtime/logger";
import { waitFor } from "@wrenn/runtime/wait";
import { and, eq, lt, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { fromDatabaseError } from "../db/errors.ts";
import { idempotencyKeys } from "../db/schema.ts";
import type { Encryption } from "../encryption.ts";
import type { Operations } from "../operations.ts";

/** Milliseconds that a repeated request waits for the first: a cold boot under emulation, tried again. */
const PATIENCE_MS = 120_000;
const POLL_MS = 50;

/** How long an answer is kept, and a key taken. */
const expired = () => lt(idempotencyKeys.createdAt, sql`now() - interval '24 hours'`);

export interface IdempotencyDeps {
  readonly db: Database;
  readonly operations: Operations;
  readonly encryption: Encryption;
  readonly logger: Logger;
}

export interface Asked {
  /** who asks: nobody else gets the answer */
  readonly owner: string;
  readonly route: string;
  readonly key: string;
  /** everything that decides what is done */
  readonly request: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** `undone`: nothing came of it. `unknown`: that cannot be said. */
export type Outcome = Answer | "undone" | "unknown";

export type Turn =
  /** the answer of the first request */
  | { readonly answer: Answer }
  /** The request is to be carried out, and `end` called once. `id` is a UUID, the same for each attempt at one request. */
  | { readonly answer?: undefined; readonly id: string; end(outcome: Outcome): Promise<void> };

type Row = typeof idempotencyKeys.$inferSelect;

export class IdempotencyKeys {
  readonly #deps: IdempotencyDeps;

  constructor(deps: IdempotencyDeps) {
    this.#deps = deps;
  }

  /**
   * @param resumes whether a request that broke off may be carried out again with the same id
   * @throws conflict when the key was used for another request, or the first one goes on for long or broke off
   */
  async begin({ owner, route, key, request }: Asked, resumes: boolean): Promise<Turn> {
    const hashes = { keyHash: hashOf(owner, key), requestHash: hashOf(route, request) };
    const attempt = async () => {
      const row = await this.#find(hashes.keyHash);
      return row === undefined ? this.#enter(hashes) : this.#repeat(row, hashes.requestHash, resumes);
    };
    const turn = await waitFor(attempt, { timeoutMs: PATIENCE_MS, intervalMs: POLL_MS });
    return turn ?? conflict("the first request with this Idempotency-Key is not done yet");
  }

  async #find(keyHash: string): Promise<Row | undefined> {
    const [row] = await this.#deps.db.queries
      .select()
      .from(idempotencyKeys)
      .where(and(eq(idempotencyKeys.keyHash, keyHash), sql`not ${expired()}`));
    return row;
  }

  /** Undefined when another one was faster. */
  async #enter(hashes: Pick<Row, "keyHash" | "requestHash">): Promise<Turn | undefined> {
    const values = { id: randomUUID(), ...hashes, answer: null };
    // It is claimed before anybody can see it.
    const release = await this.#claim(values.id);
    try {
      const [made] = await this.#deps.db.queries
        .insert(idempotencyKeys)
        .values(values)
        .onConflictDoUpdate({
          target: idempotencyKeys.keyHash,
          set: { ...values, createdAt: sql`clock_timestamp()` },
          setWhere: expired(),
        })
        .returning({ id: idempotencyKeys.id });
      if (made !== undefined) return this.#turn(made.id, release);
    } catch (error) {
      release();
      throw error;
    }
    release();
    return undefined;
  }

  /** Undefined while the first one goes on. */
  async #repeat(row: Row, requestHash: string, resumes: boolean): Promise<Turn | undefined> {
    if (row.requestHash !== requestHash) return conflict("this Idempotency-Key was used for another request");
    if (row.answer !== null) return { answer: JSON.parse(this.#deps.encryption.decrypt(row.answer, row.id)) as Answer };
    if ((await this.#deps.operations.among([row.id])).has(row.id)) return undefined;
    // It may have ended since its row was read.
    const now = await this.#find(row.keyHash);
    if (now?.id !== row.id || now.answer !== null) return undefined;
    if (resumes) return this.#turn(row.id, () => {});
    return conflict(
      "whether the first request with this Idempotency-Key was carried out is not known: look, and use another key",
    );
  }

  #turn(id: string, release: () => void): Turn {
    const end = async (outcome: Outcome) => {
      try {
        if (outcome !== "unknown") await this.#write(id, outcome);
      } catch (error) {
        // Then that is not known to whoever asks again.
        this.#deps.logger.warn({ event: "idempotency_answer_lost", err: fromDatabaseError(error) });
      } finally {
        release();
      }
    };
    return { id, end };
  }

  async #write(id: string, outcome: Answer | "undone"): Promise<void> {
    const { db, encryption } = this.#deps;
    const mine = eq(idempotencyKeys.id, id);
    if (outcome === "undone") await db.queries.delete(idempotencyKeys).where(mine);
    else {
      const answer = encryption.encrypt(JSON.stringify(outcome), id);
      await db.queries.update(idempotencyKeys).set({ answer }).where(mine);
    }
  }

  /** Resolves when all control planes see that the id is worked on, until the function that it gives is called. */
  async #claim(id: string): Promise<() => void> {
    const begun = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    const work = this.#deps.operations.run(id, () => {
      begun.resolve();
      return done.promise;
    });
    await Promise.race([begun.promise, work]);
    return done.resolve;
  }
}

/** Removes answers that nobody gets any more. */
export async function purgeIdempotencyKeys({ queries }: Database): Promise<void> {
  await queries.delete(idempotencyKeys).where(expired());
}

function hashOf(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function conflict(message: string): never {
  throw new WrennError("conflict", message);
}
