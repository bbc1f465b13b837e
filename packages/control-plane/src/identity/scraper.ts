/** Who may read the metrics: whoever has the token; where none is configured, whoever is on this machine. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import { IpBlocks } from "../ip-blocks.ts";

const LOOPBACK = new IpBlocks(["127.0.0.0/8", "::1"]);
const FORWARDED = new Set(["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"]);

export interface Scraper {
  /** address at the other end of the connection, undefined when it is gone */
  readonly peer: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** @throws unauthorized without the right token; forbidden for who is not plainly on this machine when there is no token to have */
export function requireScraper({ peer, headers }: Scraper, token: string | undefined): void {
  if (token === undefined) {
    if (peer !== undefined && LOOPBACK.has(peer) && asksLoopback(headers) && !isForwarded(headers)) return;
    throw new WrennError(
      "forbidden",
      "without WRENN_METRICS_TOKEN the metrics are for requests from this machine to its loopback address only",
    );
  }
  const { authorization = "" } = headers;
  const given = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (given === undefined || !sameText(given, token))
    throw new WrennError("unauthorized", "the header Authorization must be Bearer and the metrics token");
}

/** Proxies on this machine say for whom they ask, or which name was asked for. */
function isForwarded(headers: IncomingHttpHeaders): boolean {
  return Object.keys(headers).some((name) => name.startsWith("x-forwarded-") || FORWARDED.has(name));
}

function asksLoopback({ host = "" }: IncomingHttpHeaders): boolean {
  const name = /^(.*?)(?::\d+)?$/.exec(host)?.[1]?.replace(/^\[|\]$/g, "") ?? "";
  return name.toLowerCase() === "localhost" || LOOPBACK.has(name);
}

/** In a time that tells nothing of where they differ. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}
