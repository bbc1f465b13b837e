/**
 * What capsules can be created from: base templates of the platform's hosts and of those that the team brought, snapshots that
 * the platform offers to all teams, and the team's own.
 */
import { createHash } from "node:crypto";
import { DEFAULT_TEMPLATE } from "@wrenn/protocol/limits";
import type { Database } from "../db/database.ts";
import type { Page, Place } from "../db/page.ts";
import type { SnapshotRow } from "../db/schema.ts";
import { listHosts } from "../hosts/registry.ts";
import { listSnapshots } from "./read.ts";

export interface BaseTemplate extends Place {
  readonly name: string;
  /** since when a host that has it is known */
  readonly createdAt: Date;
}

export type Template = Place &
  (({ readonly type: "base" } & BaseTemplate) | { readonly type: "snapshot"; readonly row: SnapshotRow });

/** @param teamId undefined for those of all teams' hosts */
async function listBaseTemplates(db: Database, teamId: string | undefined): Promise<BaseTemplate[]> {
  const found = new Map<string, BaseTemplate>();
  const seen = (await listHosts(db)).filter((host) => teamId === undefined || [null, teamId].includes(host.teamId));
  for (const { templates, createdAt } of seen) {
    for (const name of templates) if (!found.has(name)) found.set(name, { id: placeOf(name), name, createdAt });
  }
  return [...found.values()];
}

/** A base template has no row, and yet a place in lists: a UUID that is always the same. */
function placeOf(name: string): string {
  return createHash("sha256")
    .update(name)
    .digest("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
}

/** Whether the name is not the team's to give; the default template's is taken even before a host has shown it. */
export async function isBaseTemplate(db: Database, teamId: string, name: string): Promise<boolean> {
  return name === DEFAULT_TEMPLATE || (await listBaseTemplates(db, teamId)).some((template) => template.name === name);
}

/** Newest first. @param teamId undefined for those of all teams */
export async function listTemplates(
  db: Database,
  teamId: string | undefined,
  page: Page,
  type?: Template["type"],
): Promise<Template[]> {
  const own = type === "base" ? [] : await listSnapshots(db, teamId, page);
  const base = type === "snapshot" ? [] : await listBaseTemplates(db, teamId);
  const { after } = page;
  const all: Template[] = [
    ...own.map((row) => ({ type: "snapshot" as const, id: row.id, createdAt: row.createdAt, row })),
    ...base
      .filter((template) => after === undefined || newer(after, template) < 0)
      .map((template) => ({ type: "base" as const, ...template })),
  ];
  return all.toSorted(newer).slice(0, page.limit);
}

/** Below 0 when `a` comes first, as the database has it. */
function newer(a: Place, b: Place): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.id > b.id ? -1 : a.id < b.id ? 1 : 0);
}
