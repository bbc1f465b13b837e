/** Where a server listens, as configuration writes it. */
import { isIP, isIPv6 } from "node:net";

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose */
  readonly port: number;
}

const MAX_PORT = 65_535;

/** `host:port`, `[ipv6]:port`, or `:port` for all addresses */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, ipv6, host, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > MAX_PORT) return undefined;
  const isAddress = ipv6 === undefined ? !host || isHost(host) : isIPv6(ipv6);
  return isAddress ? { host: ipv6 ?? (host || "0.0.0.0"), port } : undefined;
}

/** Whether others can connect to it: `host:port` or `[ipv6]:port`. */
export function isReachableAddress(text: string): boolean {
  return !text.startsWith(":") && (parseListenAddress(text)?.port ?? 0) > 0;
}

/** Labels between dots. The last one of a name is no number: that would be an IP address, and no valid one. */
const NAME = /^(?!(?:.*\.)?\d+\.?$)\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)*\.?$/;
const MAX_NAME = 253;

/** Whether it is an IP address, without brackets, or has the form of a name. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || (text.length <= MAX_NAME && NAME.test(text));
}
