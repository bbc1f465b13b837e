/**
 * The host of the control plane's own box: a row that is there from the first start. Its agent enrols as any other; only its tokens
 * come from whoever started both, as often as it needs one.
 */
import { randomUUID } from "node:crypto";
import { waitFor } from "@wrenn/runtime/wait";
import { and, desc, eq, inArray, isNotNull, isNull, type SQL } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { fromDatabaseError } from "../db/errors.ts";
import { hosts } from "../db/schema.ts";
import { holdHost, issueRegistration } from "./credentials.ts";

export interface LocalHostOptions {
  readonly db: Database;
  /** no other one's: the control planes of two boxes may share the database, and have folders of the same name */
  readonly instance: string;
  /** what stood for the instance before it had that: `layout.instance` */
  readonly folder: string;
  /** nobody else uses the database: what is local in it is this instance's, although it may come from a backup of another */
  readonly sole: boolean;
  /** whether this control plane reaches the host with the UUID */
  readonly isOnline: (id: string) => boolean;
}

export class LocalHost {
  readonly #options: LocalHostOptions;
  readonly #id: string;

  private constructor(options: LocalHostOptions, id: string) {
    this.#options = options;
    this.#id = id;
  }

  /** The row of this instance's host, made when there is none. Several may do it at the same time. */
  static async ensure(options: LocalHostOptions): Promise<LocalHost> {
    const { db, instance, folder, sole } = options;
    const mine = and(eq(hosts.localInstance, instance), isNull(hosts.deletedAt));
    const find = async () => (await db.queries.select({ id: hosts.id }).from(hosts).where(mine))[0]?.id;
    const of = sole ? isNotNull(hosts.localInstance) : eq(hosts.localInstance, folder);
    const known = (await find()) ?? (await adopt(db.queries, instance, of));
    if (known !== undefined) return new LocalHost(options, known);
    await db.queries.insert(hosts).values({ id: randomUUID(), localInstance: instance }).onConflictDoNothing();
    return new LocalHost(options, (await find()) ?? "");
  }

  /**
   * For one registration, however the host may stand; the one before is good for nothing then. Undefined once it was deleted.
   * @throws database_unavailable
   */
  async token(): Promise<string | undefined> {
    return this.#newToken().catch((error: unknown) => {
      throw fromDatabaseError(error);
    });
  }

  #newToken(): Promise<string | undefined> {
    return this.#options.db.queries.transaction(async (tx) => {
      const row = await holdHost(tx, this.#id);
      return row === undefined ? undefined : issueRegistration(tx, row.id);
    });
  }

  /** Whether it is reached, or will be within the time. */
  async online(timeoutMs: number): Promise<boolean> {
    return (await waitFor(() => this.#options.isOnline(this.#id), { timeoutMs })) === true;
  }
}

/** Takes over the host that was here last. Undefined when there is none, or another instance is first. */
async function adopt(queries: Queries, instance: string, of: SQL): Promise<string | undefined> {
  const candidates = and(of, isNull(hosts.deletedAt));
  const last = queries.select({ id: hosts.id }).from(hosts).where(candidates).orderBy(desc(hosts.lastSeenAt)).limit(1);
  const [adopted] = await queries
    .update(hosts)
    .set({ localInstance: instance })
    .where(and(inArray(hosts.id, last), candidates))
    .returning({ id: hosts.id });
  return adopted?.id;
}
