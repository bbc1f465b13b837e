/** Creates that may be sent again: every POST that answers 201 to somebody who is known takes an Idempotency-Key. */
import { errorEnvelopeSchema } from "@wrenn/protocol/rest/common";
import { idempotencyHeaders } from "@wrenn/protocol/rest/idempotency";
import type {
  FastifyInstance,
  FastifyRequest,
  onSendAsyncHookHandler,
  preHandlerAsyncHookHandler,
  RouteOptions,
} from "fastify";
import type { IdempotencyKeys, Outcome, Turn } from "../idempotency/keys.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** a request that broke off may be carried out again: what it makes has the id of its turn */
    resumes?: true;
  }
  interface FastifyRequest {
    /** of a request with an Idempotency-Key that is carried out */
    turn: Extract<Turn, { id: string }> | undefined;
    /** the answer is that of an earlier request, and nothing is done */
    replayed: boolean;
  }
}

const KNOWN = new Set(["team", "member", "user", "admin"]);

/** Failures after which nobody here can say what was done. After all others that is nothing. */
const UNKNOWN = new Set([
  "internal_error",
  "database_unavailable",
  "host_unavailable",
  "guest_unreachable",
  "connection_lost",
]);

/** Register it after the guard and before the routes. */
export function registerIdempotency(app: FastifyInstance, keys: IdempotencyKeys): void {
  app.decorateRequest("turn");
  app.decorateRequest("replayed", false);
  app.addHook("onRoute", (route) => {
    if (!makesSomething(route)) return;
    const { response, ...schema } = route.schema ?? {};
    const responses = { ...(response as object), 409: withConflict(response as Responses) };
    route.schema = { ...schema, headers: idempotencyHeaders, response: responses };
    route.preHandler = [route.preHandler ?? [], beginTurn(keys)].flat();
    route.onSend = [route.onSend ?? [], endTurn].flat();
  });
}

type Responses = Readonly<Record<number, { readonly description: string } | undefined>> | undefined;

/** What a route says of 409, which may also mean that the key was used for something else. */
function withConflict(responses: Responses) {
  const codes = new Set(["conflict", ...(responses?.[409]?.description.split(" ") ?? [])]);
  const content = { "application/json": { schema: errorEnvelopeSchema } };
  return { description: [...codes].join(" "), content };
}

function makesSomething({ method, schema, config }: RouteOptions): boolean {
  const made = (schema?.response as Readonly<Record<number, unknown>> | undefined)?.[201];
  return method === "POST" && made !== undefined && KNOWN.has(config?.access?.who ?? "");
}

/** A key of a team is as good as another one; what a user was told is for that user. */
function ownerOf({ principal, teamId }: FastifyRequest): string {
  return principal?.kind === "user" ? `${principal.userId} ${teamId}` : teamId;
}

function beginTurn(keys: IdempotencyKeys): preHandlerAsyncHookHandler {
  return async (request, reply) => {
    const key = request.headers["idempotency-key"];
    if (typeof key !== "string") return undefined;
    const { params, body, routeOptions } = request;
    const asked = {
      owner: ownerOf(request),
      route: `POST ${routeOptions.url}`,
      key,
      request: JSON.stringify([params, body]),
    };
    const turn = await keys.begin(asked, routeOptions.config.resumes === true);
    if (turn.answer === undefined) {
      request.turn = turn;
      return undefined;
    }
    request.replayed = true;
    return reply
      .code(turn.answer.status)
      .headers({ "content-type": "application/json; charset=utf-8", "idempotency-replayed": "true" })
      .send(turn.answer.body);
  };
}

const endTurn: onSendAsyncHookHandler = async (request, reply, payload) => {
  await request.turn?.end(outcomeOf(reply.statusCode, request.failure, payload));
  request.turn = undefined;
};

function outcomeOf(status: number, failure: string | undefined, payload: unknown): Outcome {
  if (status < 400) return { status, body: String(payload) };
  return UNKNOWN.has(failure ?? "internal_error") ? "unknown" : "undone";
}
