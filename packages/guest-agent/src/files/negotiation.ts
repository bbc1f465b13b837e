/** What of a file a request is answered with: all, a part, or nothing of it; as it is or compressed (RFC 9110). */
import type { IncomingHttpHeaders } from "node:http";

/** What tells one content of a file from another. */
export interface Version {
  /** with its quotes; strong */
  readonly etag: string;
  /** milliseconds since the epoch */
  readonly modifiedMs: number;
}

export interface Representation {
  /** undefined when it is known only at the end */
  readonly size: number | undefined;
  /** undefined for what differs at every read */
  readonly version: Version | undefined;
}

/** The first and the last byte, counted from 0. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export type WithBody =
  | { readonly status: 200; readonly encoding: "identity" | "gzip" }
  | { readonly status: 206; readonly range: ByteRange };
export type Unchanged = { readonly status: 304 };
export type Answer = WithBody | Unchanged | { readonly status: 406 } | { readonly status: 416 };

/** A smaller file does not get smaller. */
const WORTH_COMPRESSING_BYTES = 1024;

export function negotiate(headers: IncomingHttpHeaders, file: Representation): Answer {
  const { gzip, identity } = acceptedEncodings(headers["accept-encoding"]);
  if (!gzip && !identity) return { status: 406 };
  if (file.version !== undefined && isUnchanged(headers, file.version)) return { status: 304 };
  if (identity && file.size !== undefined && isRangeValid(headers["if-range"], file.version)) {
    const range = parseRange(headers.range, file.size);
    if (range === "unsatisfiable") return { status: 416 };
    if (range !== undefined) return { status: 206, range };
  }
  const compress = gzip && (!identity || (file.size ?? Infinity) >= WORTH_COMPRESSING_BYTES);
  return { status: 200, encoding: compress ? "gzip" : "identity" };
}

/** `gzip` only when the client asks for it, or refuses everything else that there is. */
export function acceptedEncodings(header: string | string[] | undefined): { gzip: boolean; identity: boolean } {
  if (header === undefined) return { gzip: false, identity: true };
  const weights = new Map<string, number>();
  for (const item of String(header).toLowerCase().split(",")) {
    const [coding = "", ...parameters] = item.split(";").map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    if (coding !== "") weights.set(coding, weight === undefined ? 1 : Number(weight));
  }
  const any = weights.get("*");
  const identity = weights.get("identity") ?? any ?? 1;
  const gzip = weights.get("gzip") ?? weights.get("x-gzip") ?? (identity > 0 ? 0 : (any ?? 0));
  return { gzip: gzip > 0 && gzip >= (weights.get("identity") ?? 0), identity: identity > 0 };
}

/** Undefined for a header that is missing, wrong or asks for several parts: the whole file is the right answer to those. */
export function parseRange(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size - 1 : Math.min(Number(last), size - 1) };
}

function isUnchanged(headers: IncomingHttpHeaders, { etag, modifiedMs }: Version): boolean {
  const known = headers["if-none-match"];
  if (known !== undefined) {
    return known.split(",").some((tag) => ["*", etag].includes(tag.trim().replace(/^W\//, "")));
  }
  const since = Date.parse(headers["if-modified-since"] ?? "");
  return !Number.isNaN(since) && wholeSeconds(modifiedMs) <= since;
}

/** A part is right only of the content that the client has the other parts of. */
function isRangeValid(condition: string | string[] | undefined, version: Version | undefined): boolean {
  if (condition === undefined) return true;
  if (version === undefined) return false;
  const wanted = String(condition).trim();
  return wanted === version.etag || Date.parse(wanted) === wholeSeconds(version.modifiedMs);
}

function wholeSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1000) * 1000;
}
