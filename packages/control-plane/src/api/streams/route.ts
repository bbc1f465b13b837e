/** What all WebSockets have in common: who the client is, pings, errors, and how a stream ends. */
import type { IncomingHttpHeaders } from "node:http";
import { performance } from "node:perf_hooks";
import type { Access } from "@wrenn/protocol/access";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import { parseId } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";
import { authMessage } from "@wrenn/protocol/rest/streams";
import type { FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import type { z } from "zod";
import { actingAs } from "../../audit/actor.ts";
import { actorOf } from "../../audit/entry.ts";
import type { GuestCall } from "../../capsules/guest.ts";
import { fromDatabaseError } from "../../db/errors.ts";
import { authenticate } from "../../identity/authenticate.ts";
import { authorise } from "../../identity/authorise.ts";
import type { Principal } from "../../identity/principal.ts";
import { ANYONE, FOR_PLATFORM, team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { networkOf } from "../rate-limits.ts";
import type { ApiContext, Route } from "../route.ts";
import { errorMessage } from "./error-message.ts";
import { ClientSocket } from "./socket.ts";
import { Waiting } from "./waiting.ts";

/** Milliseconds between two signs of life; the same for the probes of a connection that is silent. */
const PING_MS = 30_000;
/** Connections from one address that have not said yet who they are. */
const MAX_UNIDENTIFIED = 100;

declare module "fastify" {
  interface FastifyContextConfig {
    /** who may use a stream, which is known only after the upgrade */
    stream?: Access;
  }
}

export interface StreamOptions<Params, Query> {
  /** below `/v1/capsules/:id` */
  readonly path: string;
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  /** what the audit log calls it; absent where nobody would look for it */
  readonly audit?: string;
  /** sent besides the ping of the protocol, for clients that look for it */
  readonly ping?: object;
  /** Serves one client. What it throws is told to the client; then, and when it returns, the stream is closed. */
  readonly serve: (stream: Stream<Params, Query>) => Promise<void>;
}

export interface Stream<Params, Query> {
  readonly client: ClientSocket;
  readonly context: ApiContext;
  /** its signal aborts when the client leaves */
  readonly call: GuestCall;
  /** to be called when what the client asks for has begun: before that there is nothing for the audit log */
  readonly begun: () => void;
  readonly params: Params;
  readonly query: Query;
}

const unidentified = new Waiting(MAX_UNIDENTIFIED);

/** Path and query are checked before the connection is upgraded, everything else after it. */
export function streamRoute<Params extends { id: string }, Query>(options: StreamOptions<Params, Query>): Route {
  return (app, context) => {
    app.route({
      method: "GET",
      url: `/v1/capsules/:id${options.path}`,
      // Who it is says the first message, where the headers do not.
      config: { access: ANYONE, stream: team("capsules:use") },
      exposeHeadRoute: false,
      schema: {
        hide: true,
        params: options.params ?? capsuleParams,
        ...(options.query === undefined ? {} : { querystring: options.query }),
      },
      preHandler: async (request) => {
        parseId("capsule", (request.params as { id: string }).id);
      },
      handler: () => {
        throw new WrennError("invalid_request", "this path is a WebSocket: ask for an upgrade");
      },
      wsHandler: (socket, request) => void serveStream(socket, request, context, options),
    });
  };
}

async function serveStream<Params extends { id: string }, Query>(
  socket: WebSocket,
  request: FastifyRequest,
  context: ApiContext,
  options: StreamOptions<Params, Query>,
): Promise<void> {
  const { logger } = context.capsules;
  const started = performance.now();
  const client = new ClientSocket(socket);
  // A peer that vanished is noticed by TCP: one that only does not read must not be taken for one.
  request.raw.socket.setKeepAlive(true, PING_MS);
  const pings = setInterval(() => client.ping(options.ping), PING_MS);
  const params = request.params as Params;
  let failure: WrennError | undefined;
  let note: Note | undefined;
  let refusal: WrennError | undefined;
  try {
    const principal = await identify(client, request, context);
    if (principal.kind === "user") await request.server.limitCaller(request, principal.sessionId);
    const { teamId = "" } = authorise(request.routeOptions.config.stream ?? FOR_PLATFORM, principal);
    if (options.audit !== undefined) note = noteOnce(context, request, principal, teamId, options.audit);
    using _watched = context.revocations.watch(principal, teamId, (reason) => {
      refusal = reason;
      client.refuse(reason);
    });
    const call = { teamId, id: parseId("capsule", params.id), signal: client.left };
    const query = request.query as Query;
    await actingAs(actorOf(principal), () =>
      options.serve({ client, context, call, params, query, begun: () => note?.() }),
    );
  } catch (error) {
    failure = WrennError.from(fromDatabaseError(error));
    if (failure.spec.status >= 500 && !client.left.aborted) note?.(failure.code);
    await client.send(errorMessage(failure, true)).catch(() => {});
  } finally {
    await client.close();
    clearInterval(pings);
  }
  const ms = Math.round(performance.now() - started);
  const outcome = refusal?.code ?? (failure === undefined || client.left.aborted ? "ok" : failure.code);
  logger.info({ event: "stream", request_id: request.id, route: request.routeOptions.url, outcome, ms });
  if (failure?.spec.status === 500) logger.error({ event: "stream_failed", request_id: request.id, err: failure });
}

/** @param code of the error that it ended with before it began, of which a part may have been done all the same */
type Note = (code?: string) => void;

function noteOnce(
  { audit }: ApiContext,
  request: FastifyRequest,
  principal: Principal,
  teamId: string,
  action: string,
): Note {
  let noted = false;
  return (code) => {
    if (noted) return;
    noted = true;
    void audit.record({
      teamId,
      scope: "team",
      actor: actorOf(principal),
      resourceType: "sandbox",
      resourceId: (request.params as { id: string }).id,
      action,
      status: code === undefined ? "success" : "error",
      metadata: code === undefined ? undefined : { code },
      requestId: request.id,
      sourceAddress: request.ip,
    });
  };
}

/** By the headers or, when they say nobody that is known, by the first message. @throws unauthorized */
async function identify(client: ClientSocket, request: FastifyRequest, context: ApiContext): Promise<Principal> {
  const deps = { db: context.capsules.db, sessionSecret: context.secrets.session };
  let refusal: unknown;
  try {
    const principal = await authenticate(deps, request.headers);
    if (principal !== undefined) return principal;
  } catch (error) {
    if (!hasCode(error, "unauthorized")) throw error;
    refusal = error;
  }
  try {
    const said = await unidentified.wait(networkOf(request), () => headersOfMessage(client));
    if (said["x-api-key"] !== undefined) await request.server.limitCaller(request, String(said["x-api-key"]));
    const principal = await authenticate(deps, said);
    if (principal !== undefined) return principal;
    throw new WrennError("unauthorized", "the message names nobody");
  } catch (error) {
    if (!hasCode(error, "unauthorized", "invalid_request")) throw error;
    // Of a client that has sent a key, what is wrong with it says more than that no other one came.
    const cause = hasCode(refusal, "unauthorized") ? refusal : error;
    throw new WrennError("unauthorized", `authentication failed: ${cause.message}`, { cause });
  }
}

/** What the first message says, as the headers that it stands for. */
async function headersOfMessage(client: ClientSocket): Promise<IncomingHttpHeaders> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const seconds = LIMITS.authTimeoutSec;
  const timer = setTimeout(() => {
    reject(new WrennError("unauthorized", `no X-API-Key header, and no auth message within ${seconds} s`));
  }, seconds * 1000);
  try {
    const message = client.first(authMessage);
    message.catch(() => {});
    const said = await Promise.race([message, late]);
    return "api_key" in said ? { "x-api-key": said.api_key } : { authorization: `Bearer ${said.token}` };
  } finally {
    clearTimeout(timer);
  }
}
