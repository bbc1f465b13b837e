/** Networks by their addresses, as configuration and code write them: CIDR blocks. */
import { BlockList, isIP } from "node:net";

interface Block {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/** A CIDR block, or an address alone; undefined for anything else. */
export function parseBlock(text: string): Block | undefined {
  const [, address = "", digits] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  const prefix = Number(digits ?? longest);
  return prefix > longest ? undefined : { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

export class IpBlocks {
  readonly #list = new BlockList();

  /** @throws when one is none */
  constructor(blocks: readonly string[]) {
    for (const text of blocks) {
      const block = parseBlock(text);
      if (block === undefined) throw new Error(`${text} is no CIDR block`);
      this.#list.addSubnet(block.address, block.prefix, block.family);
    }
  }

  /** Whether the text is an address in one of them; an IPv4 address in IPv6 form counts as what it is. */
  has(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#list.check(address, version === 4 ? "ipv4" : "ipv6");
  }
}
