/** Sends the browser to a provider, and what it carries meanwhile. */
import { WrennError } from "@wrenn/protocol/errors";
import type { FastifyReply } from "fastify";
import type { OAuthProvider } from "../../identity/oauth/provider.ts";
import {
  type Intent,
  type Linker,
  linkCookie,
  newState,
  stateCookie,
  TRIP_SECONDS,
  verifierOf,
} from "../../identity/oauth/state.ts";
import type { Links } from "../../mail/links.ts";
import { setCookie } from "./cookies.ts";

export interface OAuthContext {
  readonly providers: ReadonlyMap<string, OAuthProvider>;
  /** pages of the dashboard */
  readonly dashboard: Links;
  /** where browsers reach this server */
  readonly origin: Links;
  /** signs what the browser carries */
  readonly secret: Uint8Array;
}

export const STATE_COOKIE = "oauth_state";
export const LINK_COOKIE = "oauth_link_user_id";

/** @throws provider_not_found */
export function providerOf({ providers }: OAuthContext, name: string): OAuthProvider {
  const provider = providers.get(name);
  if (provider === undefined) throw new WrennError("provider_not_found", "this provider is not configured here");
  return provider;
}

/** Sets the cookies and returns where to send the browser. @param linker who connects the provider */
export function beginTrip(
  context: OAuthContext,
  reply: FastifyReply,
  name: string,
  intent: Intent,
  linker?: Linker,
): string {
  const provider = providerOf(context, name);
  const { secret } = context;
  const state = newState(intent);
  tripCookie(context, reply, STATE_COOKIE, stateCookie(secret, state));
  if (linker !== undefined) tripCookie(context, reply, LINK_COOKIE, linkCookie(secret, state, linker));
  return provider.authorizationUrl(state.nonce, verifierOf(secret, state));
}

/** Each trip ends once. */
export function endTrip(context: OAuthContext, reply: FastifyReply): void {
  tripCookie(context, reply, STATE_COOKIE, "");
  tripCookie(context, reply, LINK_COOKIE, "");
}

function tripCookie({ origin }: OAuthContext, reply: FastifyReply, name: string, value: string): void {
  const maxAge = value === "" ? 0 : TRIP_SECONDS;
  reply.header("set-cookie", setCookie(name, value, { path: "/", maxAge, httpOnly: true, secure: origin.secure }));
}
