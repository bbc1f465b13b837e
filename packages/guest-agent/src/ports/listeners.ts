/** The TCP sockets that programs listen on, and which of them nobody outside the machine reaches. */
import { listeningSockets } from "../system/connections.ts";

export interface Listener {
  readonly port: number;
  /** as in a URL but without brackets */
  readonly address: string;
  readonly inode: number;
  /** takes no IPv4 although it listens on all addresses */
  readonly v6Only: boolean;
}

/** @throws Error when the kernel has no sock_diag for TCP */
export function listListeners(): Listener[] {
  return listeningSockets().map(({ localPort, local, inode, v6Only }) => ({
    port: localPort,
    address: addressText(local),
    inode,
    v6Only,
  }));
}

/**
 * Where connections to each port have to be forwarded for the outside to reach it: ports with listeners on loopback and none
 * on `address`, which is the only one that the outside knows.
 */
export function unreachablePorts(listeners: readonly Listener[], address: string): Map<number, string> {
  const targets = new Map<number, string>();
  for (const listener of listeners) {
    const target = loopbackOf(listener);
    const known = targets.get(listener.port);
    // Of several the kernel names IPv4 first, which is also what `localhost` mostly means.
    if (target !== undefined && known === undefined) targets.set(listener.port, target);
  }
  for (const listener of listeners) if (isReachable(listener, address)) targets.delete(listener.port);
  return targets;
}

function isReachable({ address, v6Only }: Listener, outside: string): boolean {
  return address === outside || address === "0.0.0.0" || (address === "::" && !v6Only);
}

/** The loopback address that leads to the listener. */
function loopbackOf({ address, v6Only }: Listener): string | undefined {
  if (address === "::" && v6Only) return "::1";
  return address === "::1" || address.startsWith("127.") ? address : undefined;
}

/** The text of an address of 4 or 16 bytes; an IPv4 address within IPv6 is written as IPv4. */
export function addressText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  if (bytes.length === 4) return bytes.join(".");
  if (hex.startsWith("00000000000000000000ffff")) return bytes.subarray(12).join(".");
  const groups = (hex.match(/.{4}/g) ?? []).map((group) => Number.parseInt(group, 16).toString(16));
  const text = groups.join(":");
  // The longest run of zeros is left out, the first one of several.
  const [longest] = (text.match(/\b0(?::0)+\b/g) ?? []).toSorted((a, b) => b.length - a.length);
  if (longest === undefined) return text;
  const at = text.search(new RegExp(`(?<![^:])${longest}(?![^:])`));
  const [before, after] = [text.slice(0, at), text.slice(at + longest.length)];
  return `${before === "" ? ":" : before}${after === "" ? ":" : after}`;
}
