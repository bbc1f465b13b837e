/** The HTTP server: everything that is the same for all routes. */
import multipart from "@fastify/multipart";
import { WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import { fastify } from "fastify";
import { serializerCompiler } from "fastify-type-provider-zod";
import type { ApiContext, App, Route } from "../api/route.ts";
import { JSON_ROUTES, STREAM_ROUTES, UPLOAD_ROUTES } from "../api/routes.ts";
import { canonicalUrl } from "./aliases.ts";
import { registerAudit } from "./audit.ts";
import { registerBrowsers } from "./browsers.ts";
import { refuseConnection } from "./client-errors.ts";
import { closeConnectionsAtEnd } from "./ending.ts";
import { sendError } from "./errors.ts";
import { registerGuard } from "./guard.ts";
import { registerIdempotency } from "./idempotency.ts";
import { registerNotFound } from "./not-found.ts";
import { registerOpenapi } from "./openapi.ts";
import { registerRateLimit } from "./rate-limit.ts";
import { requestId } from "./request-id.ts";
import { limitSlowBodies } from "./slow-bodies.ts";
import { isOptional, streamValidatorCompiler, validatorCompiler } from "./validation.ts";
import { registerWebSockets } from "./web-sockets.ts";

const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 620_000;
/** Long enough that a hopeless id is answered as one. */
const MAX_PARAM_LENGTH = 16_384;

function newServer({ capsules: { logger }, trustedProxies }: ApiContext): App {
  return fastify({
    logger: false,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    bodyLimit: LIMITS.jsonBodyBytes,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    genReqId: (request) => requestId(request.headers["x-request-id"]),
    rewriteUrl: (request) => canonicalUrl(request.url ?? "/"),
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply, logger),
  });
}

/** An empty body is only right where none is asked for, or where all of it may be left out. */
function acceptJsonOnly(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, text, done) => {
    if (text === "" && isOptional(request.routeOptions.schema?.body)) return done(null, undefined);
    try {
      done(null, JSON.parse(text as string));
    } catch (cause) {
      done(new WrennError("invalid_request", "invalid JSON body", { cause }));
    }
  });
  app.addHook("preValidation", async (request) => {
    const { body: schema, consumes } = request.routeOptions.schema ?? {};
    if (request.body !== undefined || schema === undefined || consumes !== undefined) return;
    if (!isOptional(schema)) throw new WrennError("invalid_request", "invalid JSON body");
    // Fastify would give the validator null.
    request.body = {};
  });
}

/** Bodies of any size reach their route as a stream; what a route has not read when it answers is thrown away. */
async function acceptStreams(app: App): Promise<void> {
  app.removeAllContentTypeParsers();
  await app.register(multipart);
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.setValidatorCompiler(streamValidatorCompiler);
  app.addHook("onSend", async ({ raw }) => {
    raw.unpipe();
    raw.resume();
  });
}

function logAnswers(app: App, { capsules: { logger }, metrics }: ApiContext): void {
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { url: route, method } = request.routeOptions;
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    const status = reply.statusCode;
    metrics.answered({ method: request.method, route, status, ms });
    logger.info({ event: "request", request_id: request.id, method, route, status, ms });
    done();
  });
}

/** The server with all routes; it does not listen yet. */
export async function buildServer(context: ApiContext): Promise<App> {
  const { logger } = context.capsules;
  const app = newServer(context);
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, logger));
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  limitSlowBodies(app);
  closeConnectionsAtEnd(app);
  acceptJsonOnly(app);
  logAnswers(app, context);
  await registerBrowsers(app, context.corsOrigins, context.oauth.origin.secure);
  registerNotFound(app);
  await registerRateLimit(app, context.rateLimits);
  const { revocations, secrets } = context;
  registerGuard(app, { db: context.capsules.db, sessionSecret: secrets.session, revocations });
  registerIdempotency(app, context.idempotency);
  registerAudit(app, context.audit);
  await registerOpenapi(app);
  await registerWebSockets(app);
  const mount = (target: App, routes: readonly Route[]) => {
    for (const route of routes) route(target, context);
  };
  mount(app, JSON_ROUTES);
  await app.register(async (uploads: App) => {
    await acceptStreams(uploads);
    mount(uploads, UPLOAD_ROUTES);
  });
  mount(app, STREAM_ROUTES);
  await app.ready();
  return app;
}
