/** GET /auth/oauth/{provider}/callback: back from the provider. Every answer leads to a page of the dashboard. */

import { hasCode } from "@wrenn/protocol/errors";
import { idFromUuid, idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { Logger } from "@wrenn/runtime/logger";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { SYSTEM } from "../../audit/entry.ts";
import { fromDatabaseError } from "../../db/errors.ts";
import { connect, enter, type Identity } from "../../identity/oauth/accounts.ts";
import type { OAuthFailure } from "../../identity/oauth/provider.ts";
import { endState, readLinkCookie, readStateCookie, type State, verifierOf } from "../../identity/oauth/state.ts";
import type { SignedIn } from "../../identity/sessions.ts";
import { ANYONE } from "../access.ts";
import { auditAccount, originOf, toAuth } from "../auth/request.ts";
import type { ApiContext, Route } from "../route.ts";
import { readCookie, setCookie } from "./cookies.ts";
import { endTrip, LINK_COOKIE, providerOf, STATE_COOKIE } from "./trip.ts";

const query = z.object({
  code: z.string().optional(),
  state: z.string().default(""),
  error: z.string().optional(),
});

interface Back {
  readonly name: string;
  readonly query: z.infer<typeof query>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** What the dashboard reads, once, after signing in. */
const SECONDS_TO_READ = 60;

export const finishOAuth: Route = (app, context) => {
  app.route({
    method: "GET",
    url: "/auth/oauth/:provider/callback",
    config: { access: ANYONE },
    schema: { hide: true, params: z.object({ provider: z.string() }), querystring: query },
    handler: async (request, reply) => {
      const back: Back = { name: request.params.provider, query: request.query, request, reply };
      providerOf(context.oauth, back.name);
      endTrip(context.oauth, reply);
      return reply.redirect(await destination(context, back));
    },
  });
};

/** Where the browser goes on to. */
async function destination(context: ApiContext, back: Back): Promise<string> {
  const { oauth } = context;
  const { cookie } = back.request.headers;
  const state = readStateCookie(oauth.secret, readCookie(cookie, STATE_COOKIE), back.query.state);
  const links = state === undefined ? readCookie(cookie, LINK_COOKIE) !== "" : state.intent === "link";
  const fail = (failure: OAuthFailure) =>
    links
      ? oauth.dashboard.to("/dashboard/settings", { connect_error: failure })
      : oauth.dashboard.to(`/auth/${back.name}/callback`, { error: failure });
  if (state === undefined) return fail("invalid_state");
  if (back.query.error !== undefined) return fail("access_denied");
  const { code } = back.query;
  if (code === undefined) return fail("missing_code");
  try {
    if (!(await endState(context.accounts.db.queries, state))) return fail("invalid_state");
    const identity = await identify(context, back, state, code);
    if (identity === undefined) return fail("exchange_failed");
    const failure = links
      ? await connectTo(context, back, state, identity)
      : await enterAs(context, back, state, identity);
    if (failure !== undefined) return fail(failure);
  } catch (error) {
    return fail(reasonOf(error, context.capsules.logger));
  }
  return links
    ? oauth.dashboard.to("/dashboard/settings", { connected: back.name })
    : oauth.dashboard.to(`/auth/${back.name}/callback`);
}

async function identify(
  { oauth, capsules: { logger } }: ApiContext,
  { name }: Back,
  state: State,
  code: string,
): Promise<Identity | undefined> {
  try {
    const account = await providerOf(oauth, name).identify(code, verifierOf(oauth.secret, state));
    return { provider: name, ...account };
  } catch (err) {
    logger.warn({ event: "oauth_exchange_failed", provider: name, reason: (err as Error).message });
    return undefined;
  }
}

async function enterAs(context: ApiContext, back: Back, { intent }: State, identity: Identity) {
  if (intent === "link") return "invalid_state" as const;
  const entered = await enter(context.accounts, identity, intent, originOf(back.request));
  if ("failure" in entered) {
    const { failure, userId } = entered;
    await audit(context, back, intent, { userId, failure });
    return failure;
  }
  const { signedIn, isNew } = entered;
  const { userId, name } = signedIn.principal;
  await audit(context, back, isNew ? "signup" : "login", { userId, name });
  hand(context, back, signedIn, isNew);
  return undefined;
}

async function connectTo(context: ApiContext, back: Back, state: State, identity: Identity) {
  const cookie = readCookie(back.request.headers.cookie, LINK_COOKIE);
  const linker = readLinkCookie(context.oauth.secret, state, cookie);
  if (linker === undefined) return "invalid_state" as const;
  const failure = await connect(context.accounts, identity, linker);
  await audit(context, back, "connect_provider", { userId: linker.userId, failure });
  return failure;
}

/** In cookies that scripts of the dashboard read. */
function hand({ oauth }: ApiContext, { reply }: Back, signedIn: SignedIn, isNew: boolean): void {
  const auth = { ...toAuth(signedIn), ...(isNew ? { new_signup: "1" } : {}) };
  const options = { path: "/auth/", maxAge: SECONDS_TO_READ, httpOnly: false, secure: oauth.origin.secure };
  for (const [name, value = ""] of Object.entries(auth)) {
    reply.header("set-cookie", setCookie(`wrenn_oauth_${name}`, value, options));
  }
}

interface Outcome {
  /** UUID; undefined where it is nobody's account */
  readonly userId: string | undefined;
  readonly name?: string;
  readonly failure?: OAuthFailure | undefined;
}

/**
 * The route is a GET, most answers of which change nothing: it writes its entries itself. Nobody can write many: before each the
 * provider has said whose account there it is.
 */
async function audit(
  { audit: log }: ApiContext,
  { request, name: provider }: Back,
  action: string,
  { userId, name, failure }: Outcome,
) {
  const { resource, scope } = auditAccount(action);
  const id = userId && idFromUuid("user", userId);
  await log.record({
    teamId: idToUuid(PLATFORM_TEAM),
    scope,
    actor: id === undefined ? SYSTEM : { type: "user", id, ...(name === undefined ? {} : { name }) },
    resourceType: resource,
    resourceId: id,
    action,
    status: failure === undefined ? "success" : "warning",
    metadata: { provider, ...(failure === undefined ? {} : { reason: failure }) },
    requestId: request.id,
    sourceAddress: request.ip,
  });
}

function reasonOf(error: unknown, logger: Logger): OAuthFailure {
  const known = fromDatabaseError(error);
  logger.error({ event: "oauth_failed", err: known });
  return hasCode(known, "database_unavailable") ? "db_error" : "internal_error";
}
