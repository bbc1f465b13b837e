/** What capsules can be created from: the base templates of the platform's hosts and of those that the team brought, and its snapshots. */
import { DEFAULT_TEMPLATE } from "@wrenn/protocol/limits";
import type { Database } from "../db/database.ts";
import type { SnapshotRow } from "../db/schema.ts";
import { listHosts } from "../hosts/registry.ts";
import { listSnapshots } from "./read.ts";

export interface BaseTemplate {
  readonly name: string;
  /** since when a host that has it is known */
  readonly createdAt: Date;
}

export type Template =
  | ({ readonly type: "base" } & BaseTemplate)
  | { readonly type: "snapshot"; readonly createdAt: Date; readonly row: SnapshotRow };

/** @param teamId undefined for those of all teams' hosts */
export async function listBaseTemplates(db: Database, teamId: string | undefined): Promise<BaseTemplate[]> {
  const found = new Map<string, BaseTemplate>();
  const seen = (await listHosts(db)).filter((host) => teamId === undefined || [null, teamId].includes(host.teamId));
  for (const { templates, createdAt } of seen) {
    for (const name of templates) if (!found.has(name)) found.set(name, { name, createdAt });
  }
  return [...found.values()];
}

/** Whether the name is not the team's to give; the default template's is taken even before a host has shown it. */
export async function isBaseTemplate(db: Database, teamId: string, name: string): Promise<boolean> {
  return name === DEFAULT_TEMPLATE || (await listBaseTemplates(db, teamId)).some((template) => template.name === name);
}

/** Newest first. */
export async function listTemplates(db: Database, teamId: string, type?: Template["type"]): Promise<Template[]> {
  const own = type === "base" ? [] : await listSnapshots(db, teamId);
  const base = type === "snapshot" ? [] : await listBaseTemplates(db, teamId);
  const all: Template[] = [
    ...own.map((row) => ({ type: "snapshot" as const, createdAt: row.createdAt, row })),
    ...base.map((template) => ({ type: "base" as const, ...template })),
  ];
  return all.toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
}
