/**
 * Identifiers on the wire: a prefix and a 128-bit number as 25 base36 digits, big-endian, left-padded.
 * Databases and RPCs that speak UUID carry the same number as hyphenated text.
 */
import { randomUUID } from "node:crypto";
import { WrennError } from "./errors.ts";

const ID_KINDS = {
  capsule: "cl",
  user: "usr",
  team: "team",
  key: "key",
  host: "host",
  request: "req",
  session: "ses",
  log: "log",
  invitation: "inv",
  channel: "ch",
  delivery: "dlv",
  job: "job",
} as const;

export type IdKind = keyof typeof ID_KINDS;

declare const brand: unique symbol;
export type Id<Kind extends IdKind> = string & { readonly [brand]: Kind };

const DIGITS = 25;
const LIMIT = 1n << 128n;

function fromNumber<Kind extends IdKind>(kind: Kind, value: bigint): Id<Kind> {
  return `${ID_KINDS[kind]}-${value.toString(36).padStart(DIGITS, "0")}` as Id<Kind>;
}

function toNumber(digits: string): bigint {
  let value = 0n;
  for (const digit of digits) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}

/** A fresh random id: a version 4 UUID in wire form. */
export function newId<Kind extends IdKind>(kind: Kind): Id<Kind> {
  return idFromUuid(kind, randomUUID());
}

export function idFromUuid<Kind extends IdKind>(kind: Kind, uuid: string): Id<Kind> {
  return fromNumber(kind, BigInt(`0x${uuid.replaceAll("-", "")}`));
}

export function idToUuid(id: Id<IdKind>): string {
  const hex = toNumber(id.slice(id.indexOf("-") + 1))
    .toString(16)
    .padStart(32, "0");
  return [8, 12, 16, 20, 32].map((end, i, ends) => hex.slice(ends[i - 1] ?? 0, end)).join("-");
}

/** Checks text from outside. @throws invalid_request for another prefix, length, character or a value of 2^128 and more */
export function parseId<Kind extends IdKind>(kind: Kind, text: string): Id<Kind> {
  const prefix = `${ID_KINDS[kind]}-`;
  const digits = text.startsWith(prefix) ? text.slice(prefix.length) : "";
  if (!/^[0-9a-z]{25}$/.test(digits) || toNumber(digits) >= LIMIT) {
    throw new WrennError("invalid_request", `invalid ${kind} ID`);
  }
  return text as Id<Kind>;
}

/** The team that owns what belongs to the platform itself. */
export const PLATFORM_TEAM = fromNumber("team", 0n);
