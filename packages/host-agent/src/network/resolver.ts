/** The name server that guests are sent to: the host's own upstream, as IPv4. */
import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";

/** First IPv4 name server outside the loopback range in the text of a resolv.conf. */
export function firstNameserver(resolvConf: string): string | undefined {
  for (const line of resolvConf.split("\n")) {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    if (address !== undefined && isIPv4(address) && !address.startsWith("127.")) return address;
  }
  return undefined;
}

/** systemd-resolved lists its upstreams apart, because resolv.conf then names only its own loopback address. */
export function hostResolver(files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]): string | undefined {
  for (const file of files) {
    try {
      const found = firstNameserver(readFileSync(file, "utf8"));
      if (found !== undefined) return found;
    } catch {
      // The next file may exist.
    }
  }
  return undefined;
}
