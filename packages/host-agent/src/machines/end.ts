/** Notices a VMM that ends by itself. The machine stays listed, with its reason and its disk, until it is destroyed. */
import type { EndReason } from "@wrenn/protocol/states";
import type { HostContext } from "../host.ts";
import type { Vm, VmExit } from "../vmm/contract.ts";
import { type MachineRecord, without } from "./record.ts";
import type { LiveParts } from "./registry.ts";
import { releaseResources } from "./resources.ts";

export function watchEnd(host: HostContext, id: string, vm: Vm): void {
  void vm.exited.then((exit) =>
    host.locks
      .run(id, async () => {
        const machine = host.machines.find(id);
        // A machine that is being destroyed ends on purpose.
        if (machine?.live?.vm !== vm || machine.record.state !== "running") return;
        await endMachine(host, machine.record, machine.live, exit);
      })
      .catch((error: unknown) => host.logger.error({ id, err: error }, "cannot record the end of a capsule")),
  );
}

/** Records the end first, so that no restart can take the machine for a running one. The caller holds its lock. */
export async function endMachine(
  host: HostContext,
  record: MachineRecord,
  live: LiveParts | undefined,
  exit: VmExit,
): Promise<void> {
  const poweredOff = exit.kind === "shutdown";
  const outOfMemory = exit.kind === "killed" && (await host.cgroups.wasOutOfMemory(record.vmName));
  const endReason: EndReason = poweredOff ? "request" : outOfMemory ? "oom" : "crash";
  const endMessage = describe(exit, outOfMemory);
  const changes = { endReason, endMessage, endedAt: Date.now() };
  const ended = await host.journal.transition(record, poweredOff ? "ended" : "fail", changes);
  host.logger.warn({ op: "end", id: record.id, endReason, endMessage, vmm: exit.message }, "a capsule ended by itself");
  host.machines.put(ended, live);
  await releaseEnded(host, ended, live).catch((error: unknown) => {
    // The record still names what is left: destroying the machine tries again.
    host.logger.error({ id: record.id, err: error }, "an ended capsule left something behind");
  });
}

/** Frees what an ended machine still holds; it stays listed, with its disk, until it is destroyed. */
export async function releaseEnded(
  host: HostContext,
  ended: MachineRecord,
  live: LiveParts | undefined,
): Promise<void> {
  if (ended.slot === undefined && ended.vmm === undefined) return;
  await releaseResources(host, ended, live);
  host.machines.put(await host.journal.replace(without(ended, "slot", "vmm")));
}

/** Text for the owner of the capsule: what happened, not how the host works. */
function describe(exit: VmExit, outOfMemory: boolean): string {
  if (outOfMemory) return "the machine used more memory than its host gives it";
  switch (exit.kind) {
    case "shutdown":
      return "the machine was powered off from inside";
    case "reset":
      return "the machine rebooted or its kernel panicked";
    case "killed":
      return "the process of the machine ended unexpectedly";
  }
}
