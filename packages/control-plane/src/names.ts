/**
 * Looks up names that users have chosen, without the system's resolver: it has a few slots for the whole process, and names whose
 * servers do not answer would keep them from all others, such as the database's.
 */
import type { LookupAddress } from "node:dns";
import { Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { isIP, type LookupFunction } from "node:net";

const HOSTS_FILE = "/etc/hosts";
/** Of each attempt at each server. Both attempts at two servers end before whoever waits gives up. */
const PATIENCE = { timeout: 2_000, tries: 2 };

export interface NamesOptions {
  readonly isAllowed: (address: string) => boolean;
  /** what is thrown for a name that leads to none that is */
  readonly refusal: () => Error;
  /** of DNS, e.g. `192.0.2.1:53`; those of the system when absent */
  readonly servers?: readonly string[] | undefined;
}

/** For connections that are made only to the very addresses that were looked at here. */
export function lookupFor({ isAllowed, refusal, servers }: NamesOptions): LookupFunction {
  return (name, options, done) => {
    const answer = async () => {
      const [looked] = await Promise.allSettled([lookUp(name, servers)]);
      if (looked.status === "rejected") return done(looked.reason as Error, []);
      const allowed = looked.value.filter(({ address }) => isAllowed(address));
      const [first] = allowed;
      if (first === undefined) return done(refusal(), []);
      if (options.all === true) return done(null, allowed);
      return done(null, first.address, first.family);
    };
    void answer();
  };
}

/** IPv4 first. @throws what DNS says, with its code */
async function lookUp(name: string, servers: readonly string[] | undefined): Promise<LookupAddress[]> {
  const known = await inHostsFile(name.replace(/\.$/, ""));
  if (known.length > 0) return known;
  const resolver = new Resolver(PATIENCE);
  if (servers !== undefined) resolver.setServers(servers);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = [v4, v6].flatMap((answer) => (answer.status === "fulfilled" ? answer.value.map(toAddress) : []));
  if (found.length === 0 && v4.status === "rejected") throw v4.reason;
  return found;
}

function toAddress(address: string): LookupAddress {
  return { address, family: isIP(address) };
}

async function inHostsFile(name: string): Promise<LookupAddress[]> {
  const text = await readFile(HOSTS_FILE, "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    return isIP(address) !== 0 && names.some((one) => one.toLowerCase() === name) ? [toAddress(address)] : [];
  });
}
