/** Fork: copies of a machine that runs or is paused. They share its memory file; all of them start, or none stays. */
import { randomBytes } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { asDiskFull, requireFreeSpace } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { describe, removeFolder, type Snapshot } from "../snapshots/folder.ts";
import { type Created, type CreateRequest, createMachine } from "./create.ts";
import { destroyMachine } from "./destroy.ts";
import { exclusively } from "./exclusive.ts";
import { scheduleFlatten } from "./flatten.ts";
import { saveAs } from "./snapshot.ts";
import { operate, type Progress } from "./steps.ts";

export type ForkChild = Pick<CreateRequest, "id" | "teamId" | "timeoutSec">;

export interface Forked {
  readonly children: readonly Created[];
  readonly phases: Record<string, number>;
}

/** @throws not_found, invalid_state, disk_full, and what a create throws */
export function forkMachine(host: HostContext, id: string, children: readonly ForkChild[]): Promise<Forked> {
  return operate(host, "fork", (progress) => fork(host, id, children, progress));
}

async function fork(
  host: HostContext,
  id: string,
  children: readonly ForkChild[],
  progress: Progress<"fork">,
): Promise<Forked> {
  if (children.length === 0) throw new WrennError("invalid_request", "a fork needs at least one child");
  const folder = host.snapshots.temporaryFolder(`fork-${randomBytes(6).toString("hex")}`);
  try {
    await requireFreeSpace(host.layout.dir, host.config.minFreeDiskMb);
    const source = host.machines.get(id).record;
    // What each child would have to hold for itself is worth being written once for all of them.
    const mergeAbove = host.config.condense.mergeAbove / (8 * children.length);
    const snapshot = await exclusively(host, id, async () => {
      const manifest = await saveAs(host, host.machines.get(id), folder, mergeAbove, progress);
      return describe(folder, manifest);
    });
    scheduleFlatten(host, id);
    const created = await startAll(host, children, source.templateId, source, snapshot);
    await progress.done("children");
    const phases = progress.toRecord();
    host.logger.info({ op: "fork", id, children: children.map((child) => child.id), phases }, "capsule forked");
    return { children: created, phases };
  } catch (error) {
    host.logger.warn({ op: "fork", id, err: error, phases: progress.toRecord() }, "fork failed");
    throw asDiskFull(error);
  } finally {
    await removeFolder(folder);
  }
}

async function startAll(
  host: HostContext,
  children: readonly ForkChild[],
  templateId: string,
  { diskSizeMb, defaultUser, defaultEnv }: Pick<CreateRequest, "diskSizeMb" | "defaultUser" | "defaultEnv">,
  snapshot: Snapshot,
): Promise<Created[]> {
  const origin = () => Promise.resolve({ snapshot, fresh: false });
  const results = await Promise.allSettled(
    children.map((child) => createMachine(host, { ...child, templateId, diskSizeMb, defaultUser, defaultEnv }, origin)),
  );
  const created = results.filter((result) => result.status === "fulfilled").map((result) => result.value);
  const failed = results.find((result) => result.status === "rejected");
  if (failed === undefined) return created;
  await Promise.allSettled(created.map(({ machine }) => destroyMachine(host, machine.record.id)));
  throw failed.reason;
}
