/**
 * Everything a slot number decides: names and addresses. The guest's own addresses are the same in every slot, so
 * that a memory snapshot fits any of them.
 */

import { GUEST_ADDRESS, GUEST_GATEWAY } from "@wrenn/protocol/guest-http";

/** Slot numbers start at 1; 32767 is the last whose veth pair fits into 10.12.0.0/16. */
export const SLOT_MIN = 1;
export const SLOT_MAX = 32_767;

export const GUEST = {
  address: GUEST_ADDRESS,
  gateway: GUEST_GATEWAY,
  prefix: 30,
  mac: "06:00:00:00:00:01",
  gatewayMac: "06:00:00:00:00:fe",
  tap: "tap0",
} as const;

/** Unprivileged user of slot 0; a slot's VMM runs as this plus the slot, so no VMM may touch what belongs to another. */
const VMM_UID_BASE = 1_610_000_000;

export interface SlotAddresses {
  readonly slot: number;
  readonly namespace: string;
  /** host side of the veth pair; at most 15 characters, so not "veth" in full */
  readonly veth: string;
  /** host side of the /31 */
  readonly hostAddress: string;
  /** namespace side of the /31 */
  readonly peerAddress: string;
  /** where the host reaches the guest */
  readonly capsuleAddress: string;
  /** user and group of the VMM process */
  readonly uid: number;
}

function inNetwork(second: number, offset: number): string {
  return `10.${second}.${offset >> 8}.${offset & 255}`;
}

export function slotAddresses(slot: number): SlotAddresses {
  if (!Number.isInteger(slot) || slot < SLOT_MIN || slot > SLOT_MAX) {
    throw new RangeError(`slot ${slot} is outside ${SLOT_MIN} to ${SLOT_MAX}`);
  }
  return {
    slot,
    namespace: `${NAMESPACE_PREFIX}${slot}`,
    veth: `${VETH_PREFIX}${slot}`,
    hostAddress: inNetwork(12, 2 * slot),
    peerAddress: inNetwork(12, 2 * slot + 1),
    capsuleAddress: inNetwork(11, slot),
    uid: VMM_UID_BASE + slot,
  };
}

export const NAMESPACE_PREFIX = "wrenn-ns-";
export const VETH_PREFIX = "wrenn-ve-";
/** All addresses at which hosts reach their capsules. */
export const CAPSULE_NETWORK = "10.11.0.0/16";

/** Destinations that guests may not reach: this host, private networks, link-local (cloud metadata), multicast. */
export const CLOSED_NETWORKS = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/4",
  "240.0.0.0/4",
] as const;
