/** A capsule as its host sees it: what the platform does not tell its users. */
import { readFile } from "node:fs/promises";
import { GuestClient } from "@wrenn/host-agent/guest/client";
import { type MachineRecord, recordSchema } from "@wrenn/host-agent/machines/record";
import { slotAddresses } from "@wrenn/host-agent/network/addresses";
import type { Platform } from "@wrenn/testkit/platform";

export async function recordOf({ layout }: Platform, id: string): Promise<MachineRecord> {
  return recordSchema.parse(JSON.parse(await readFile(`${layout.machines}/${id}/record.json`, "utf8")));
}

/** Where the host reaches the guest. */
export function addressOf({ slot }: MachineRecord): string {
  if (slot === undefined) throw new Error("the capsule does not run");
  return slotAddresses(slot).capsuleAddress;
}

/** The guest agent itself, without any layer above it. */
export function guestOf(record: MachineRecord): GuestClient {
  return new GuestClient(addressOf(record), record.accessToken);
}
