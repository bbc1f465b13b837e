/** What ties the browser that comes back from a provider to the one that was sent there: signed cookies. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { idFromUuid, idToUuid, parseId } from "@wrenn/protocol/ids";
import type { Queries } from "../../db/database.ts";
import { countUp } from "../counts.ts";

/** To sign in only, to make an account where there is none, to connect the provider to an account. */
const INTENTS = ["login", "signup", "link"] as const;
export type Intent = (typeof INTENTS)[number];

const NONCE_BYTES = 32;
/** Digits of a nonce that say when it was made: milliseconds since 1970, hex. */
const TIME_DIGITS = 12;
/** How long the browser may be away. */
export const TRIP_SECONDS = 600;

function sign(secret: Uint8Array, text: string): string {
  return createHmac("sha256", secret).update(text).digest("hex");
}

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface State {
  /** what the provider gives back */
  readonly nonce: string;
  readonly intent: Intent;
}

export function newState(intent: Intent): State {
  const time = Date.now().toString(16).padStart(TIME_DIGITS, "0");
  return { nonce: time + randomBytes(NONCE_BYTES).toString("hex"), intent };
}

/** `nonce:mac:intent` */
export function stateCookie(secret: Uint8Array, { nonce, intent }: State): string {
  return `${nonce}:${sign(secret, `${nonce}:${intent}`)}:${intent}`;
}

/** @param given what the provider gave back. Undefined unless the cookie is ours, of the same trip, and not too old. */
export function readStateCookie(secret: Uint8Array, cookie: string, given: string): State | undefined {
  const [nonce = "", mac = "", word = ""] = cookie.split(":");
  const intent = INTENTS.find((one) => one === word);
  if (intent === undefined || !same(nonce, given) || !same(mac, sign(secret, `${nonce}:${intent}`))) return undefined;
  const age = Date.now() - Number.parseInt(nonce.slice(0, TIME_DIGITS), 16);
  return age <= TRIP_SECONDS * 1000 ? { nonce, intent } : undefined;
}

/** Whether the trip has not ended before. */
export async function endState(queries: Queries, { nonce }: State): Promise<boolean> {
  return (await countUp(queries, { what: "oauth states", max: 1, seconds: TRIP_SECONDS }, nonce)) === 0;
}

/** PKCE's secret of the trip, which the browser never sees. */
export function verifierOf(secret: Uint8Array, { nonce }: State): string {
  return sign(secret, `verifier:${nonce}`);
}

/** Who connects a provider: the account, and the session, which has to last until they come back. */
export interface Linker {
  /** UUID */
  readonly userId: string;
  /** UUID */
  readonly sessionId: string;
}

/** `usr-…:ses-…:mac` */
export function linkCookie(secret: Uint8Array, { nonce }: State, { userId, sessionId }: Linker): string {
  const ids = `${idFromUuid("user", userId)}:${idFromUuid("session", sessionId)}`;
  return `${ids}:${sign(secret, `${nonce}:${ids}`)}`;
}

export function readLinkCookie(secret: Uint8Array, { nonce }: State, cookie: string): Linker | undefined {
  const [user = "", session = "", mac = ""] = cookie.split(":");
  if (!same(mac, sign(secret, `${nonce}:${user}:${session}`))) return undefined;
  return { userId: idToUuid(parseId("user", user)), sessionId: idToUuid(parseId("session", session)) };
}
