/** Checks the body of `POST /init`. */
import { isAbsolute } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import type { GuestInit } from "@wrenn/protocol/guest-http";
import { checkVariables } from "../process/environment.ts";

type Check = (value: unknown) => boolean;

const isText = (pattern: RegExp) => (value: unknown) => typeof value === "string" && pattern.test(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** 4102444800000 is the year 2100: a clock past it is a mistake of units. */
const isEpochMs: Check = (value) => typeof value === "number" && value > 0 && value < 4_102_444_800_000;

const FIELDS: Record<keyof GuestInit, { is: Check; must: string }> = {
  sandboxId: { is: isText(/^[\w.-]{1,128}$/), must: "be 1 to 128 letters, digits or ._-" },
  templateId: { is: isText(/^[\w./:-]{1,128}$/), must: "be 1 to 128 letters, digits or ._-/:" },
  machineId: { is: isText(/^[0-9a-f]{32}$/), must: "be 32 hexadecimal digits" },
  hostname: { is: isText(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,62})$/), must: "be a host name of at most 63 characters" },
  generation: { is: isCount, must: "be a whole number" },
  timestampMs: { is: isEpochMs, must: "be milliseconds since the epoch" },
  clockOffsetMs: { is: isEpochMs, must: "be milliseconds from the monotonic clock to the epoch" },
  diskFull: { is: (value) => typeof value === "boolean", must: "be true or false" },
  diskSizeMb: { is: isCount, must: "be a whole number" },
  growDisk: { is: (value) => typeof value === "boolean", must: "be true or false" },
  entropy: {
    is: isText(/^(?:[A-Za-z0-9+/]{4}){1,1024}$|^(?:[A-Za-z0-9+/]{4}){0,1023}[A-Za-z0-9+/]{2,3}={0,2}$/),
    must: "be base64 of at most 3 KiB",
  },
  accessToken: { is: isText(/^[\x21-\x7e]{16,256}$/), must: "be 16 to 256 visible ASCII characters" },
  defaultUser: { is: isText(/^[^:\n\0]{1,64}$/), must: "be a user name" },
  defaultWorkdir: {
    is: (value) => typeof value === "string" && isAbsolute(value) && !value.includes("\0"),
    must: "be an absolute path",
  },
  envVars: { is: isTextMap, must: "be an object of strings" },
};

function isTextMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((item) => typeof item === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Fields of newer hosts are skipped. @throws invalid_request naming the field that is wrong */
export function parseInit(body: unknown): GuestInit {
  if (!isObject(body)) throw new WrennError("invalid_request", "the body must be a JSON object");
  for (const [name, { is, must }] of Object.entries(FIELDS)) {
    const value = body[name];
    if (value !== undefined && !is(value)) throw new WrennError("invalid_request", `${name} must ${must}`);
  }
  const init = body as GuestInit;
  checkVariables(init.envVars ?? {});
  return init;
}
