/** The OpenAPI 3.1 document, made from the schemas that validate, and its page. Everything is served from this process. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { Access } from "@wrenn/protocol/access";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { errors } from "../api/route.ts";
import { VERSION } from "../version.ts";
import { type Document, touchUp } from "./document.ts";
import { isOptional } from "./validation.ts";

const INFO = {
  title: "Wrenn",
  version: VERSION,
  description:
    "Machines for agents. Every path is also served below /api, and every /v1/capsules path as /v1/sandboxes. " +
    "Errors have one form, the schema Error; its code is stable, its message is for people. " +
    "Every answer carries the header x-request-id. " +
    "Terminals and other streams are WebSockets, which docs/streams.md describes.",
};

const TAGS = [
  "Capsules",
  "Processes",
  "Files",
  "Ports",
  "Checkpoints",
  "Snapshots",
  "Teams",
  "API keys",
  "Audit",
  "Administration",
  "Accounts",
  "Channels",
  "Usage",
  "Hosts",
  "Platform",
];

const SECURITY_SCHEMES = {
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
  session: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
  hostToken: { type: "apiKey", in: "header", name: "X-Host-Token" },
} as const;

/** Of the page: nothing comes from elsewhere. It works by plain HTTP, so no request is to be upgraded. */
const PAGE_POLICY =
  "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

/** Alternatives: any one of them is enough. */
function securityOf(access: Access = { who: "anyone" }): Partial<Record<keyof typeof SECURITY_SCHEMES, string[]>>[] {
  switch (access.who) {
    case "anyone":
      return [];
    case "team":
      return [{ apiKey: [] }, { session: [] }];
    case "host":
      return [{ hostToken: [] }];
    default:
      return [{ session: [] }];
  }
}

type TransformInput = Parameters<typeof jsonSchemaTransform>[0];

/** With what happens to bodies before they reach a route, be there a schema for them or not. */
function withRefusals(input: TransformInput): TransformInput {
  const { response, hide, ...schema } = input.schema ?? {};
  if (hide === true || input.route.method === "GET") return input;
  return { ...input, schema: { ...schema, response: { ...errors(400, 413), ...(response as object) } } };
}

/** Register it before the routes that it describes. */
export async function registerOpenapi(app: FastifyInstance): Promise<void> {
  const optionalBodies = new Set<string>();
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: INFO,
      tags: TAGS.map((name) => ({ name })),
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    transform: (input) => {
      const { body, operationId } = input.schema ?? {};
      if (isOptional(body) && operationId !== undefined) optionalBodies.add(operationId);
      const { schema, url } = jsonSchemaTransform(withRefusals(input));
      return { url, schema: { ...schema, security: securityOf(input.route.config?.access) } };
    },
    transformObject: (input) => {
      const document = jsonSchemaTransformObject(input);
      touchUp(document as Document, optionalBodies);
      return document;
    },
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: PAGE_POLICY,
    uiConfig: { layout: "BaseLayout", deepLinking: true },
    theme: { title: "Wrenn API" },
  });
  app.get("/", { schema: { hide: true } }, (_request, reply) => reply.redirect("/docs"));
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  app.get("/openapi.yaml", { schema: { hide: true } }, (_request, reply) => {
    return reply.type("application/yaml").send(app.swagger({ yaml: true }));
  });
}
