/**
 * Which addresses channels may send to: those of the public internet. Users choose the receivers, and what only the control plane can reach,
 * such as its own services, its network or the metadata of its cloud, is none of theirs.
 */
import { isIP } from "node:net";
import { IpBlocks } from "../ip-blocks.ts";

/** Everything in IPv4 that is not public. */
const NOT_PUBLIC_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  // Azure's platform answers here, to machines of its own only.
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** Of IPv6, public is only this … */
const PUBLIC_V6 = ["2000::/3"];
/** … without what documents, and what leads to IPv4 addresses (Teredo, 6to4). */
const NOT_PUBLIC_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

const notPublicV4 = new IpBlocks(NOT_PUBLIC_V4);
const publicV6 = new IpBlocks(PUBLIC_V6);
const notPublicV6 = new IpBlocks(NOT_PUBLIC_V6);

/** Whether the text is an address that may be sent to. */
export class AllowedAddresses {
  readonly #also: IpBlocks;

  /** @param also CIDR blocks that are allowed, too. @throws when one is none */
  constructor(also: readonly string[]) {
    this.#also = new IpBlocks(also);
  }

  has(address: string): boolean {
    if (this.#also.has(address)) return true;
    if (isIP(address) === 4) return !notPublicV4.has(address);
    return publicV6.has(address) && !notPublicV6.has(address);
  }
}
