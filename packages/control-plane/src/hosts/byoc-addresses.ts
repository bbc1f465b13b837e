/**
 * Where hosts that teams bring may be. Private networks are where many are. What only the control plane itself can reach is not:
 * its own services on loopback, its links, and the metadata of its cloud.
 */
import { isIP } from "node:net";
import { WrennError } from "@wrenn/protocol/errors";
import { IpBlocks } from "../ip-blocks.ts";
import { lookupFor } from "../names.ts";

const REFUSED = new IpBlocks([
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
  // Metadata of Azure, Alibaba and Oracle.
  "168.63.129.16/32",
  "100.100.100.200/32",
  "192.0.0.0/24",
  "::/128",
  "::1/128",
  "fe80::/10",
  "ff00::/8",
  // Metadata of Amazon.
  "fd00:ec2::/32",
  // What leads to IPv4 addresses.
  "64:ff9b::/96",
  "2002::/16",
]);

export class ByocAddresses {
  readonly #allowed: IpBlocks;

  /** @param allow CIDR blocks where they may be all the same. @throws when one is none */
  constructor(allow: readonly string[]) {
    this.#allowed = new IpBlocks(allow);
  }

  has(address: string): boolean {
    return !REFUSED.has(address) || this.#allowed.has(address);
  }

  /** @param url what hosts are kept with. @throws invalid_request for one whose address is known to be refused */
  check(url: string): void {
    const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) !== 0 && !this.has(host)) throw notAllowed();
  }

  /** Finds what they may be at. */
  readonly lookup = lookupFor({ isAllowed: (address) => this.has(address), refusal: notAllowed });
}

function notAllowed(): WrennError {
  return new WrennError(
    "invalid_request",
    "a team's host may not be at this address: it is the control plane's own; WRENN_BYOC_ALLOW can allow it",
  );
}
