/** What browsers are told: which pages of other origins may ask, and that nothing here is to be guessed at, framed or cached elsewhere. */
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import type { FastifyInstance } from "fastify";

/** Headers of answers that pages of other origins may read. */
const EXPOSED = ["x-request-id", "x-next-cursor", "retry-after", "content-range", "etag"];
const PREFLIGHT_SECONDS = 7200;

/** @param origins such as `https://app.example.com`; `*` is any. Register it before the routes. */
export async function registerBrowsers(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  // The page of the documentation has a policy of its own.
  await app.register(helmet, { contentSecurityPolicy: false });
  if (origins.length === 0) return;
  await app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
  });
}
