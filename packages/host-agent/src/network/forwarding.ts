/** Lets the host's kernel pass packets between capsules and the outside. */
import { readFileSync, writeFileSync } from "node:fs";

const SWITCH = "/proc/sys/net/ipv4/ip_forward";

export function forwardingEnabled(): boolean {
  return readFileSync(SWITCH, "utf8").trim() === "1";
}

export function enableForwarding(): void {
  if (!forwardingEnabled()) writeFileSync(SWITCH, "1");
}
