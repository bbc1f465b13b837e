/**
 * The end of many capsules at once, of some teams or of a host. It is decided in a transaction; hosts carry it out afterwards, or
 * the reconciler does. Nobody asked for the end of each of them, so it is the platform that their teams are told of.
 */
import type { EndReason } from "@wrenn/protocol/states";
import { TRANSITIONS } from "@wrenn/protocol/states";
import { Semaphore } from "@wrenn/runtime/locks";
import { and, asc, eq, inArray, notInArray, type SQL } from "drizzle-orm";
import { actingAs } from "../audit/actor.ts";
import { SYSTEM } from "../audit/entry.ts";
import type { Queries } from "../db/database.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import { holdPlacement } from "../placement/load.ts";
import type { CapsuleDeps } from "./deps.ts";
import { finishStopping } from "./destroy.ts";
import { transition } from "./transition.ts";

/** States that have not ended and are not about to. */
const LIVE = TRANSITIONS.stop.from.filter((state) => state !== "stopping" && state !== "error");

const PARALLEL = 8;

/** Every capsule of the teams, paused ones too, is stopping; none of theirs is created or copied until the transaction ends. */
export async function markAllStopping(
  tx: Queries,
  { logger }: CapsuleDeps,
  teamIds: readonly string[],
  endReason: EndReason,
): Promise<CapsuleRow[]> {
  if (teamIds.length === 0) return [];
  await holdPlacement(tx);
  const rows = await lockAll(tx, and(inArray(capsules.teamId, [...teamIds]), inArray(capsules.state, LIVE)));
  const stopping: CapsuleRow[] = [];
  for (const row of rows) {
    const moved = await transition({ db: { queries: tx }, logger }, row, "stop", { endReason });
    if (moved !== undefined) stopping.push(moved);
  }
  return stopping;
}

/** Of those of a host that is no more nothing is left to be done. The caller has the lock of placement. */
export async function loseCapsulesOf(tx: Queries, { logger }: CapsuleDeps, hostId: string): Promise<void> {
  const deps = { db: { queries: tx }, logger };
  const why = { endReason: "host_lost", endMessage: "the host was deleted" } as const;
  const rows = await lockAll(tx, and(eq(capsules.hostId, hostId), notInArray(capsules.state, ["stopped", "error"])));
  for (const row of rows) {
    const stopping = row.state === "stopping" ? row : await transition(deps, row, "stop", why);
    if (stopping === undefined) continue;
    await actingAs(SYSTEM, () => transition(deps, stopping, "stopped", { endedAt: stopping.endedAt ?? new Date() }));
  }
}

function lockAll(tx: Queries, which: SQL | undefined): Promise<CapsuleRow[]> {
  return tx.select().from(capsules).where(which).orderBy(asc(capsules.id)).for("update");
}

/** Removes the machines of capsules that are stopping. What a host does not do now is left to the reconciler. */
export async function finishAllStopping(deps: CapsuleDeps, rows: readonly CapsuleRow[]): Promise<void> {
  const slots = new Semaphore(PARALLEL);
  const finish = (row: CapsuleRow) => slots.run(() => deps.operations.run(row.id, () => finishStopping(deps, row)));
  const ends = await actingAs(SYSTEM, () => Promise.allSettled(rows.map(finish)));
  const failed = ends.filter((end) => end.status === "rejected");
  if (failed.length > 0) {
    deps.logger.warn({ event: "capsules_left", count: failed.length, of: rows.length, err: failed[0]?.reason });
  }
}
