/** Slots of instances whose state folder was deleted: nobody else will ever clean those. */
import { tryCommand } from "@wrenn/runtime/command";
import { tryProcessLock } from "@wrenn/runtime/process-lock";
import { slotAddresses } from "./addresses.ts";
import type { Claim, SlotClaims } from "./claims.ts";
import { removeSlotNetwork } from "./slot.ts";

/** Leaves a slot alone in which a process lives: its state folder may only be out of sight. One instance does this at a time. */
export async function removeAbandonedSlot(claims: SlotClaims, { slot }: Claim): Promise<void> {
  const lock = await tryProcessLock("wrenn-abandoned-slots");
  if (lock === undefined) return;
  try {
    const addresses = slotAddresses(slot);
    const { stdout } = await tryCommand("ip", ["netns", "pids", addresses.namespace]);
    const still = (await claims.abandoned()).some((claim) => claim.slot === slot);
    if (stdout.trim() !== "" || !still) return;
    await removeSlotNetwork(addresses);
    await claims.release(slot);
  } finally {
    await lock.release();
  }
}
