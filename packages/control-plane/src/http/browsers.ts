/** What browsers are told: which pages of other origins may ask, and that nothing here is to be guessed at, framed or cached elsewhere. */
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import type { FastifyInstance } from "fastify";

/** Headers of answers that pages of other origins may read. */
const EXPOSED = [
  "x-request-id",
  "x-next-cursor",
  "idempotency-replayed",
  "retry-after",
  "content-range",
  "content-disposition",
  "etag",
];
const PREFLIGHT_SECONDS = 7200;

/**
 * Register it before the routes.
 * @param origins such as `https://app.example.com`; `*` is any. @param secure the platform is reached by https
 */
export async function registerBrowsers(
  app: FastifyInstance,
  origins: readonly string[],
  secure: boolean,
): Promise<void> {
  // The page of the documentation has a policy of its own. Other hosts of the domain are none of this one's.
  await app.register(helmet, {
    contentSecurityPolicy: false,
    // They tell what a page may do, and answers are none.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
    strictTransportSecurity: secure && { includeSubDomains: false },
  });
  app.addHook("onRequest", (request, reply, done) => {
    // Answers hold tokens, keys and what is somebody's own. Routes that know better say so later.
    if (/^\/(v1|auth)\//.test(request.url)) reply.header("cache-control", "no-store");
    done();
  });
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
  });
}
