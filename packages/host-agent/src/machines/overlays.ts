/** Which disk layers a running machine has frozen, when a step that adds one may have been cut off. */
import { WrennError } from "@wrenn/protocol/errors";
import type { HostContext } from "../host.ts";
import type { MachineRecord } from "./record.ts";
import type { LiveParts } from "./registry.ts";

/**
 * A layer is in the record before the VMM writes to it, so the record may name newer ones that nobody uses: the VMM is asked.
 * Returns the record as it is then. @throws vmm_failed
 */
export async function settleOverlays(
  host: HostContext,
  record: MachineRecord,
  { vm }: LiveParts,
): Promise<MachineRecord> {
  const active = await vm.activeOverlay();
  const unused = record.overlays.indexOf(active);
  if (unused === 0) return record;
  if (unused < 0) throw new WrennError("vmm_failed", `the VMM writes to ${active}, which the record does not name`);
  return host.journal.replace({ ...record, overlays: record.overlays.slice(unused) });
}
