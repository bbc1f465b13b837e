/** The OpenAPI 3.1 document, made from the schemas that validate, and its page. Everything is served from this process. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { errors } from "../api/route.ts";
import { VERSION } from "../version.ts";
import { touchUp } from "./document.ts";
import { audienceOf, SECURITY_SCHEMES, securityOf } from "./document-access.ts";
import type { Document } from "./document-model.ts";
import { isOptional } from "./validation.ts";

const INFO = {
  title: "Wrenn",
  version: VERSION,
  description:
    "Machines for agents. Every path is also served below /api, and every /v1/capsules path as /v1/sandboxes. " +
    "Errors have one form, the schema Error; its code is stable, its message is for people. " +
    "Every answer carries the header x-request-id. " +
    "Terminals and other streams are WebSockets, which docs/streams.md describes.",
  license: { name: "Apache 2.0", identifier: "Apache-2.0" },
};

const TAGS = {
  Capsules: "Machines: made, listed, paused, resumed, forked, destroyed",
  Processes: "Commands and terminals inside a capsule",
  Files: "Files and folders inside a capsule",
  Ports: "What a capsule serves on its TCP ports",
  Checkpoints: "Earlier states of a capsule that it can go back to",
  Snapshots: "Templates that capsules start from",
  Teams: "Teams, their members and invitations",
  "API keys": "Keys for programs of a team",
  Audit: "Who did what, when and from where",
  Administration: "The platform, for its administrators",
  Accounts: "Sign-up, sign-in, sessions and the own profile",
  Channels: "Where events are sent: webhooks, chats, mail",
  Usage: "What teams and capsules used, and what they may use",
  Hosts: "Machines that capsules run on",
  Platform: "Whether the platform is well",
};

/** Of the page: nothing comes from elsewhere. It works by plain HTTP, so no request is to be upgraded. */
const PAGE_POLICY =
  "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

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
      servers: [{ url: "/", description: "The installation that the document is from" }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    transform: (input) => {
      const { body, operationId } = input.schema ?? {};
      if (isOptional(body) && operationId !== undefined) optionalBodies.add(operationId);
      const { schema, url } = jsonSchemaTransform(withRefusals(input));
      if (schema.hide === true) return { url, schema };
      const access = input.route.config?.access;
      const description = [audienceOf(access), schema.description].filter(Boolean).join(" ");
      return { url, schema: { ...schema, description, security: securityOf(access) } };
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
