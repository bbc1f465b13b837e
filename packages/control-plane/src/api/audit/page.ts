/** A page of the audit log, from the query of a request to the answer. */
import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import type { AuditEntry, AuditPage, auditQuery } from "@wrenn/protocol/rest/audit";
import type { z } from "zod";
import { type AuditCursor, type AuditOf, readAudit } from "../../audit/read.ts";
import type { Database } from "../../db/database.ts";
import type { AuditRow } from "../../db/schema.ts";
import { toTime, withoutNulls } from "../fields.ts";

type Query = z.output<typeof auditQuery>;

/** @param scopes what the reader may see. @throws invalid_request */
export async function auditPage(
  db: Database,
  whose: AuditOf,
  scopes: readonly AuditRow["scope"][],
  query: Query,
): Promise<AuditPage> {
  const filter = { resourceTypes: query.resource_type, actions: query.action, actorId: query.actor_id };
  const { items, next } = await readAudit(db, whose, scopes, filter, { cursor: cursorOf(query), limit: query.limit });
  return {
    items: items.map(toEntry),
    ...(next && { next_before: next.before.toISOString(), next_before_id: idFromUuid("log", next.beforeId) }),
  };
}

function cursorOf({ before, before_id: id }: Query): AuditCursor | undefined {
  if (before === undefined) {
    if (id !== undefined) throw new WrennError("invalid_request", "before_id needs before");
    return undefined;
  }
  return { before: new Date(before), beforeId: id === undefined ? undefined : idToUuid(parseId("log", id)) };
}

function toEntry(row: AuditRow): AuditEntry {
  return {
    id: idFromUuid("log", row.id),
    actor_type: row.actorType,
    resource_type: row.resourceType,
    action: row.action,
    scope: row.scope,
    status: row.status,
    created_at: toTime(row.createdAt),
    ...withoutNulls({
      actor_id: row.actorId,
      actor_name: row.actorName,
      resource_id: row.resourceId,
      metadata: row.metadata,
      request_id: row.requestId,
      source_address: row.sourceAddress,
    }),
  };
}
