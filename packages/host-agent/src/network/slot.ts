/** Makes and removes the network of one slot: namespace, veth pair, TAP, addresses, rules. */
import { existsSync } from "node:fs";
import { WrennError } from "@wrenn/protocol/errors";
import { command, tryCommand } from "@wrenn/runtime/command";
import { Undo, type UndoFailure } from "@wrenn/runtime/undo";
import { GUEST, type SlotAddresses } from "./addresses.ts";
import { namespaceRules, replacing } from "./rules.ts";

/** Makes everything or, when a step fails, nothing. @throws the error of the failed step, with what could not be undone */
export async function createSlotNetwork(slot: SlotAddresses, resolver: string | undefined): Promise<void> {
  const undo = new Undo();
  try {
    await command("ip", ["netns", "add", slot.namespace]);
    undo.add("namespace", () => removeNamespace(slot));
    await command("ip", ["-batch", "-"], { input: hostSide(slot) });
    undo.add("veth", () => removeVeth(slot));
    await command("ip", ["-n", slot.namespace, "-batch", "-"], { input: namespaceSide(slot) });
    await command("ip", [
      "netns",
      "exec",
      slot.namespace,
      "sh",
      "-c",
      KERNEL_SETTINGS,
      "sh",
      namespaceRules(slot, resolver),
    ]);
    undo.keep();
  } catch (error) {
    throw combined(`cannot make the network of slot ${slot.slot}`, error, await undo.run());
  }
}

/** Removes whatever exists of it. @throws one error that names every step that failed */
export async function removeSlotNetwork(slot: SlotAddresses): Promise<void> {
  const failures: UndoFailure[] = [];
  for (const [name, remove] of [
    ["veth", removeVeth],
    ["namespace", removeNamespace],
  ] as const) {
    await remove(slot).catch((error: unknown) => failures.push({ name, error }));
  }
  if (failures.length > 0) throw combined(`cannot remove the network of slot ${slot.slot}`, undefined, failures);
}

function hostSide(slot: SlotAddresses): string {
  return [
    `link add ${slot.veth} type veth peer name eth0 netns ${slot.namespace}`,
    `addr add ${slot.hostAddress}/31 dev ${slot.veth}`,
    `link set ${slot.veth} up`,
    `route replace ${slot.capsuleAddress}/32 via ${slot.peerAddress} dev ${slot.veth}`,
  ].join("\n");
}

/** The neighbours are fixed on both sides, so the first packet of a restored guest is never lost to ARP. */
function namespaceSide(slot: SlotAddresses): string {
  return [
    "link set lo up",
    `addr add ${slot.peerAddress}/31 dev eth0`,
    `addr add ${slot.capsuleAddress}/32 dev eth0`,
    "link set eth0 up",
    `route add default via ${slot.hostAddress}`,
    `tuntap add dev ${GUEST.tap} mode tap user ${slot.uid}`,
    `link set ${GUEST.tap} address ${GUEST.gatewayMac} txqueuelen 5000`,
    `addr add ${GUEST.gateway}/${GUEST.prefix} dev ${GUEST.tap}`,
    `link set ${GUEST.tap} up`,
    `neigh add ${GUEST.address} lladdr ${GUEST.mac} dev ${GUEST.tap} nud permanent`,
  ].join("\n");
}

/** IPv6 is off: guests have no IPv6 address, and rules for it would be rules nobody tests. */
const KERNEL_SETTINGS = [
  "set -e",
  "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || :",
  "echo 1 > /proc/sys/net/ipv4/ip_forward",
  'nft "$1"',
].join("\n");

async function removeVeth(slot: SlotAddresses): Promise<void> {
  if (!existsSync(`/sys/class/net/${slot.veth}`)) return;
  const result = await tryCommand("ip", ["link", "del", slot.veth]);
  if (result.code !== 0 && existsSync(`/sys/class/net/${slot.veth}`)) throw new Error(result.stderr.trim());
}

async function removeNamespace(slot: SlotAddresses): Promise<void> {
  if (!existsSync(`/run/netns/${slot.namespace}`)) return;
  const result = await tryCommand("ip", ["netns", "del", slot.namespace]);
  if (result.code !== 0 && existsSync(`/run/netns/${slot.namespace}`)) throw new Error(result.stderr.trim());
}

function combined(message: string, cause: unknown, failures: UndoFailure[]): WrennError {
  const causes = [...(cause === undefined ? [] : [cause]), ...failures.map((failure) => failure.error)];
  const left = failures.length === 0 ? "" : ` (left behind: ${failures.map((failure) => failure.name).join(", ")})`;
  return new WrennError("vmm_failed", `${message}${left}`, {
    cause: new AggregateError(causes, causes.map(String).join("; ")),
  });
}

/** Applies rules of the host itself as one transaction. */
export async function applyHostRules(table: string, rules: string): Promise<void> {
  await command("nft", [replacing(`inet ${table}`, rules)]);
}

export async function removeHostRules(table: string): Promise<void> {
  await command("nft", [replacing(`inet ${table}`, "")]);
}
