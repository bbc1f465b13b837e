/** The IPv4 networks this host is connected to. */
import { networkInterfaces } from "node:os";
import { VETH_PREFIX } from "./addresses.ts";

/** As address/prefix; without the loopback, whose range is closed anyway, and without the capsules' own links. */
export function connectedNetworks(interfaces = networkInterfaces()): string[] {
  const outside = Object.entries(interfaces).filter(([name]) => !name.startsWith(VETH_PREFIX));
  const addresses = outside
    .flatMap(([, list]) => list ?? [])
    .filter((entry) => entry.family === "IPv4" && !entry.internal);
  return [...new Set(addresses.map((entry) => entry.cidr).filter((cidr) => cidr !== null))];
}
