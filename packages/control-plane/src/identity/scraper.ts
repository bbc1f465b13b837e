/** Who may read the metrics: whoever has the token; where none is configured, whoever is on this machine. */
import { createHash, timingSafeEqual } from "node:crypto";
import { BlockList, isIPv6 } from "node:net";
import { WrennError } from "@wrenn/protocol/errors";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

export interface Scraper {
  /** address at the other end of the connection, undefined when it is gone */
  readonly peer: string | undefined;
  /** the header */
  readonly authorization: string | undefined;
}

/** @throws unauthorized without the right token; forbidden from another machine when there is no token to have */
export function requireScraper({ peer, authorization = "" }: Scraper, token: string | undefined): void {
  if (token === undefined) {
    if (peer !== undefined && LOOPBACK.check(peer, isIPv6(peer) ? "ipv6" : "ipv4")) return;
    throw new WrennError(
      "forbidden",
      "without WRENN_METRICS_TOKEN the metrics are for requests from this machine's loopback address only",
    );
  }
  const given = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (given === undefined || !sameText(given, token))
    throw new WrennError("unauthorized", "the header Authorization must be Bearer and the metrics token");
}

/** In a time that tells nothing of where they differ. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}
