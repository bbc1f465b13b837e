/** Reads of the audit log, newest first, page by page. */
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import { and, desc, eq, inArray, lt, or, type SQL, sql } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { type AUDIT_SCOPES, type AuditRow, auditLogs } from "../db/schema.ts";

export interface AuditFilter {
  /** empty is all, as in the others */
  readonly resourceTypes: readonly string[];
  readonly actions: readonly string[];
  /** wire id */
  readonly actorId?: string | undefined;
}

export interface AuditOf {
  /** UUID */
  readonly teamId: string;
  /** wire id of the team, for what the platform's log has about it, such as its end, as well */
  readonly andAbout?: string | undefined;
}

/** The last entry of the page before. */
export interface AuditCursor {
  readonly before: Date;
  /** UUID; without one, entries of the same millisecond are left out */
  readonly beforeId?: string | undefined;
}

export interface AuditPage {
  readonly items: AuditRow[];
  /** of the next page; absent on the last one */
  readonly next: { readonly before: Date; readonly beforeId: string } | undefined;
}

/**
 * Entries are ordered by time and, within one millisecond, by id, and a page begins strictly after the last entry of the one
 * before: what is added meanwhile moves nothing.
 * @param scopes what the reader may see
 * @param limit at least 1
 */
export async function readAudit(
  db: Database,
  whose: AuditOf,
  scopes: readonly (typeof AUDIT_SCOPES)[number][],
  filter: AuditFilter,
  { cursor, limit }: { readonly cursor: AuditCursor | undefined; readonly limit: number },
): Promise<AuditPage> {
  const rows = await db.queries
    .select()
    .from(auditLogs)
    .where(and(logOf(whose), inArray(auditLogs.scope, [...scopes]), wanted(filter), older(cursor)))
    .orderBy(desc(auditLogs.createdAt), desc(auditLogs.id))
    .limit(limit + 1);
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return { items, next: last === undefined ? undefined : { before: last.createdAt, beforeId: last.id } };
}

function logOf({ teamId, andAbout }: AuditOf): SQL | undefined {
  const about = and(eq(auditLogs.teamId, idToUuid(PLATFORM_TEAM)), eq(auditLogs.resourceId, andAbout ?? ""));
  return or(eq(auditLogs.teamId, teamId), andAbout === undefined ? undefined : about);
}

function wanted({ resourceTypes, actions, actorId }: AuditFilter): SQL | undefined {
  return and(
    resourceTypes.length === 0 ? undefined : inArray(auditLogs.resourceType, [...resourceTypes]),
    actions.length === 0 ? undefined : inArray(auditLogs.action, [...actions]),
    actorId === undefined ? undefined : eq(auditLogs.actorId, actorId),
  );
}

function older(cursor: AuditCursor | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  const { before, beforeId } = cursor;
  if (beforeId === undefined) return lt(auditLogs.createdAt, before);
  return sql`(${auditLogs.createdAt}, ${auditLogs.id}) < (${before.toISOString()}::timestamptz, ${beforeId}::uuid)`;
}
