/**
 * Ends what goes on for long as soon as whoever began it may not any more. It looks at the database, which is all that control
 * planes share, for all of them at once, and only while there is anything to end.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { Logger } from "@wrenn/runtime/logger";
import { and, eq, gt, isNull, or, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/pg-core";
import type { Database } from "../db/database.ts";
import { apiKeys, memberships, sessions, teams, users } from "../db/schema.ts";
import type { KeyPrincipal, Principal, UserPrincipal } from "./principal.ts";
import { checkSession } from "./sessions.ts";

/** All administrators may use what belongs to it, whatever teams they are in. */
const PLATFORM = idToUuid(PLATFORM_TEAM);

/** Milliseconds between two looks. */
const PERIOD_MS = 1000;

/** @param reason what the next request would be refused with */
type End = (reason: WrennError) => void;

interface Watched {
  readonly principal: KeyPrincipal | UserPrincipal;
  /** UUID */
  readonly teamId: string;
  readonly ends: Set<End>;
}

export class Revocations implements AsyncDisposable {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> | undefined;
  #failing = false;
  #closed = false;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /**
   * Calls `end` once, about a second after the principal lost access to the team: the key was revoked or has expired, the session
   * has ended, the user was locked out or is no administrator or not in the team any more, the team is gone. While the database is away nobody is
   * thought to have lost it. Hosts have no such work.
   * @param teamId UUID of the team that the work is about
   * @returns to be disposed of when the work is over
   */
  watch(principal: Principal, teamId: string, end: End): Disposable {
    if (principal.kind === "host") return { [Symbol.dispose]: () => {} };
    const name = `${credentialOf(principal)} ${teamId}`;
    const watched = this.#watched.get(name) ?? { principal, teamId, ends: new Set() };
    this.#watched.set(name, watched);
    watched.ends.add(end);
    this.#schedule();
    return {
      [Symbol.dispose]: () => {
        watched.ends.delete(end);
        if (watched.ends.size === 0 && this.#watched.get(name) === watched) this.#watched.delete(name);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#look;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#watched.size === 0 || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#look = this.#endLost().finally(() => {
        this.#timer = undefined;
        this.#schedule();
      });
    }, PERIOD_MS).unref();
  }

  async #endLost(): Promise<void> {
    const seen = [...this.#watched];
    if (seen.length === 0) return;
    try {
      const good = await readGood(
        this.#db,
        seen.map(([, { principal }]) => credentialOf(principal)),
      );
      for (const [name, watched] of seen) {
        if (good.has(name)) continue;
        const reason = await reasonOf(this.#db, watched);
        this.#watched.delete(name);
        for (const end of watched.ends) end(reason);
      }
      this.#failing = false;
    } catch (err) {
      if (!this.#failing) this.#logger.warn({ event: "revocations_unknown", err });
      this.#failing = true;
    }
  }
}

function credentialOf(principal: Watched["principal"]): string {
  return principal.kind === "api_key" ? principal.keyId : principal.sessionId;
}

/** Those of the credentials that are good for requests now, each with the teams that it is good for. */
async function readGood({ queries }: Database, credentials: string[]): Promise<Set<string>> {
  const ids = sql.param(credentials);
  const now = new Date();
  const keys = queries
    .select({ id: apiKeys.id, teamId: apiKeys.teamId })
    .from(apiKeys)
    .innerJoin(teams, and(eq(teams.id, apiKeys.teamId), isNull(teams.deletedAt)))
    .where(and(sql`${apiKeys.id} = any(${ids}::uuid[])`, or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now))));
  const ofUsers = queries
    .select({ id: sessions.id, teamId: memberships.teamId })
    .from(sessions)
    .innerJoin(users, and(eq(users.id, sessions.userId), eq(users.status, "active")))
    .innerJoin(memberships, eq(memberships.userId, users.id))
    .innerJoin(teams, and(eq(teams.id, memberships.teamId), isNull(teams.deletedAt)))
    .where(and(sql`${sessions.id} = any(${ids}::uuid[])`, gt(sessions.expiresAt, now)));
  const ofAdmins = queries
    .select({ id: sessions.id, teamId: sql<string>`${PLATFORM}::uuid` })
    .from(sessions)
    .innerJoin(users, and(eq(users.id, sessions.userId), eq(users.status, "active"), eq(users.isAdmin, true)))
    .where(and(sql`${sessions.id} = any(${ids}::uuid[])`, gt(sessions.expiresAt, now)));
  const rows = await unionAll(keys, ofUsers, ofAdmins);
  return new Set(rows.map(({ id, teamId }) => `${id} ${teamId}`));
}

async function reasonOf(db: Database, { principal, teamId }: Watched): Promise<WrennError> {
  if (principal.kind === "api_key") {
    return new WrennError("unauthorized", "the API key was revoked or has expired, or its team is gone");
  }
  const { sessionId, userId, membership } = principal;
  const over = await checkSession(db, { sessionId, userId, teamId });
  if (over !== undefined) return over;
  // Who was not in the team, either, was there as an administrator.
  if (membership?.teamId !== teamId)
    return new WrennError("forbidden", "you are no administrator of the platform any more");
  return new WrennError("no_team", "you are not in this team any more");
}
