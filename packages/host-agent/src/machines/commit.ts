/** The moment a started machine becomes a running one: in the journal, in memory, and watched for its end. */
import { WrennError } from "@wrenn/protocol/errors";
import { isAlive } from "@wrenn/runtime/process-identity";
import type { HostContext } from "../host.ts";
import { noteAgentRevision } from "./agent-revision.ts";
import { watchEnd } from "./end.ts";
import { type MachineRecord, without } from "./record.ts";
import type { Machine } from "./registry.ts";
import type { Initialized } from "./start.ts";

export async function commitRunning(host: HostContext, record: MachineRecord, started: Initialized): Promise<Machine> {
  const { overlay, vm, guest, slot, agentRevision } = started;
  // One that has died by now has not run: what was saved of it still holds.
  if (!isAlive(vm.process)) throw new WrennError("vmm_failed", "the machine ended while it was started");
  const next = without(record, "pausedAt", "pauseReason");
  const metadata = noteAgentRevision(host, record, agentRevision);
  const changes = { vmm: vm.process, overlays: [overlay], metadata };
  const running = await host.journal.transition(next, "started", changes);
  const machine = host.machines.put(running, { vm, guest, slot });
  machine.activity.touch();
  watchEnd(host, running.id, vm);
  return machine;
}
