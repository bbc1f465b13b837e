/**
 * Lists of capsules, in two steps: which there are and in which version, then those rows that the asker does not know in that
 * version. Lists are asked for again and again, and little has changed since.
 */
import { PUBLIC_STATUS, STATES, type State } from "@wrenn/protocol/states";
import { desc, inArray, min, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import type { Place } from "../db/page.ts";
import { prepared } from "../db/prepared.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";

/** Lists show what can still be used. */
const LISTED_STATES = STATES.filter((state) => !["stopped", "error"].includes(PUBLIC_STATUS[state]));

const UUID_LENGTH = 36;

export interface CapsuleFilter {
  /** undefined is all that have not ended */
  readonly states?: readonly State[] | undefined;
  /** all of these, with these values */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** only what comes after this one */
  readonly after?: Place | undefined;
  readonly limit: number;
}

/** What tells a capsule's row from earlier ones of itself. */
export interface CapsuleVersion {
  /** UUID */
  readonly id: string;
  readonly version: string;
}

export interface CapsulePage {
  /** newest first */
  readonly capsules: readonly CapsuleVersion[];
  /** where the last one is in the list; undefined when there is none */
  readonly end: Place | undefined;
}

/** PostgreSQL's own: every update of a row gets another transaction or another place. */
const version = sql<string>`${capsules}.xmin::text || ${capsules}.ctid::text`;

const versions = prepared((queries) => {
  const page = queries
    .select({ id: capsules.id, createdAt: capsules.createdAt, version: version.as("version") })
    .from(capsules)
    .where(
      sql`${capsules.teamId} = ${sql.placeholder("teamId")}
        and ${capsules.state} = any(${sql.placeholder("states")}::text[])
        and (${sql.placeholder("metadata")}::jsonb is null or ${capsules.metadata} @> ${sql.placeholder("metadata")}::jsonb)
        and (${sql.placeholder("afterTime")}::timestamptz is null
          or (${capsules.createdAt}, ${capsules.id}) < (${sql.placeholder("afterTime")}::timestamptz, ${sql.placeholder("afterId")}::uuid))`,
    )
    .orderBy(desc(capsules.createdAt), desc(capsules.id))
    .limit(sql.placeholder("limit"))
    .as("page");
  // One row, for what a row costs is what a list costs.
  const lines = sql<
    string | null
  >`string_agg(${page.id} || ' ' || ${page.version}, E'\\n' order by ${page.createdAt} desc, ${page.id} desc)`;
  return queries
    .select({ lines, oldest: min(page.createdAt) })
    .from(page)
    .prepare("capsule_versions");
});

/** The first ones that come after a place in the list. */
export async function listVersions(db: Database, teamId: string, filter: CapsuleFilter): Promise<CapsulePage> {
  const { states = LISTED_STATES, metadata, after, limit } = filter;
  const [row] = await versions(db).execute({
    teamId,
    states: [...states],
    metadata: metadata === undefined ? null : JSON.stringify(metadata),
    afterTime: after?.createdAt ?? null,
    afterId: after?.id ?? null,
    limit,
  });
  if (typeof row?.lines !== "string" || row.oldest === null) return { capsules: [], end: undefined };
  const found = row.lines
    .split("\n")
    .map((line) => ({ id: line.slice(0, UUID_LENGTH), version: line.slice(UUID_LENGTH + 1) }));
  return { capsules: found, end: { id: found.at(-1)?.id ?? "", createdAt: row.oldest } };
}

/** @param ids UUIDs; those that are no more are left out */
export async function readVersions(
  db: Database,
  ids: readonly string[],
): Promise<{ row: CapsuleRow; version: string }[]> {
  return db.queries
    .select({ row: capsules, version })
    .from(capsules)
    .where(inArray(capsules.id, [...ids]));
}
