/** Creates a machine out of one that runs already and belongs to nobody: it only has to learn who it is. */
import { type Undo, withUndo } from "@wrenn/runtime/undo";
import { freeSpaceMb } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { whileAlive } from "../vmm/contract.ts";
import { killedIfAbandoned } from "./abandon.ts";
import { commitRunning } from "./commit.ts";
import { type Created, type CreateRequest, newRecord } from "./create.ts";
import { exclusively } from "./exclusive.ts";
import type { MachineRecord } from "./record.ts";
import type { Machine } from "./registry.ts";
import { becomeItself } from "./start.ts";
import { operate, type Progress } from "./steps.ts";
import type { WarmMachine } from "./warm.ts";
import type { WarmShape } from "./warm-pool.ts";

const CLOCK_TIMEOUT_MS = 2000;

/**
 * Undefined when no such machine is ready, or the one that was cannot be used: then the caller makes one.
 * @param wanted aborted when the machine is destroyed meanwhile
 * @throws the reason of `wanted`; the machine that was taken is gone then
 */
export function claimMachine(
  host: HostContext,
  request: CreateRequest,
  shape: WarmShape,
  wanted: AbortSignal = new AbortController().signal,
): Promise<Created | undefined> {
  const { id } = request;
  return exclusively(host, id, async () => {
    // A create that must be refused is refused by who makes one from scratch.
    const mayStart =
      host.machines.find(id) === undefined && (await freeSpaceMb(host.layout.dir)) >= host.config.minFreeDiskMb;
    wanted.throwIfAborted();
    const warm = mayStart ? host.warmPool.take(shape) : undefined;
    if (warm === undefined) return undefined;
    try {
      return await operate(host, "claim", async (progress) => {
        progress.vmm = warm.vm.process;
        const machine = await withUndo(
          (undo) => adopt(host, request, warm, { progress, undo, wanted }),
          (failures) => host.logger.error({ op: "claim", id, failures }, "a failed claim left something behind"),
        ).catch((error: unknown) => {
          // How its VMM came to its end says nothing then.
          wanted.throwIfAborted();
          throw error;
        });
        const phases = progress.toRecord();
        host.logger.info({ op: "claim", id, template: shape.template, phases }, "capsule created");
        return { machine, phases };
      });
    } catch (error) {
      if (wanted.aborted) {
        host.logger.info({ op: "claim", id, err: wanted.reason }, "create failed");
        throw wanted.reason;
      }
      host.logger.warn({ op: "claim", id, err: error }, "a machine made ahead cannot be used");
      return undefined;
    }
  });
}

async function adopt(
  host: HostContext,
  request: CreateRequest,
  warm: WarmMachine,
  { progress, undo, wanted }: { progress: Progress<"claim">; undo: Undo; wanted: AbortSignal },
): Promise<Machine> {
  undo.add("machine", () => warm.discard());
  const record = newRecord(host, request, warm.slot, warm.snapshot, warm.name);
  const agentRevision = await killedIfAbandoned(wanted, progress, async (guarded) => {
    await host.journal.adopt(warm.folder, record);
    undo.add("journal", () => host.journal.remove(record.id));
    host.machines.put(record);
    undo.add("registry", () => host.machines.remove(record.id));
    await guarded.done("adopt");
    const revision = await introduce(record, warm);
    await guarded.done("guest_init");
    return revision;
  });
  const machine = await commitRunning(host, record, { ...warm, agentRevision });
  host.unborn.delete(warm.name);
  await progress.done("commit");
  return machine;
}

/** The guest learns who it is. Returns its agent's revision. */
async function introduce(record: MachineRecord, warm: WarmMachine): Promise<number> {
  // It has run for a while since it was started: its clock is compared, not computed. Once is enough: the path is warm.
  const { offsetMs: clockOffsetMs } = await whileAlive(warm.vm, warm.guest.clock(CLOCK_TIMEOUT_MS, 1));
  const { diskSizeMb } = record;
  const growDisk = diskSizeMb > warm.snapshot.manifest.diskSizeMb;
  if (growDisk) await warm.vm.growDisk(diskSizeMb);
  return becomeItself(record, warm, { clockOffsetMs, ...(growDisk ? { growDisk, diskSizeMb } : {}) });
}
