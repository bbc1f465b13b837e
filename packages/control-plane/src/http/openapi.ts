/** The OpenAPI 3.1 document, made from the schemas that validate, and its page. Everything is served from this process. */
import { STATUS_CODES } from "node:http";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { VERSION } from "../version.ts";

/** The parts of the document that are touched up here. */
interface Document {
  components?: { schemas?: Record<string, unknown> };
  paths?: Record<string, Record<string, { responses?: Record<string, { description?: string }> }>>;
}

const INFO = {
  title: "Wrenn",
  version: VERSION,
  description:
    "Machines for agents. Every path is also served below /api, and every /v1/capsules path as /v1/sandboxes. " +
    "Errors have one form, the schema Error; its code is stable, its message is for people. " +
    "Every answer carries the header x-request-id.",
};

/** Schemas that no path refers to, such as the input form of an answer, are left out. */
function dropUnusedSchemas(document: Document): void {
  const schemas = document.components?.schemas ?? {};
  for (let before = -1; before !== Object.keys(schemas).length; ) {
    before = Object.keys(schemas).length;
    const text = JSON.stringify({ paths: document.paths, schemas });
    for (const name of Object.keys(schemas)) {
      if (!text.includes(`"#/components/schemas/${name}"`)) delete schemas[name];
    }
  }
}

/** Leaves out what zod adds to each whole number and each time: bounds of 2^53 and a pattern beside the format. */
function tidy(schema: unknown): void {
  if (typeof schema !== "object" || schema === null) return;
  const fields = schema as Record<string, unknown>;
  if (fields["minimum"] === Number.MIN_SAFE_INTEGER) delete fields["minimum"];
  if (fields["maximum"] === Number.MAX_SAFE_INTEGER) delete fields["maximum"];
  if (fields["format"] === "date-time") delete fields["pattern"];
  for (const child of Object.values(fields)) tidy(child);
}

function nameResponses(document: Document): void {
  for (const path of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(path)) {
      for (const [status, response] of Object.entries(operation.responses ?? {})) {
        response.description = STATUS_CODES[status] ?? status;
      }
    }
  }
}

function touchUp(document: Document): void {
  dropUnusedSchemas(document);
  nameResponses(document);
  tidy(document.components?.schemas);
}

/** Register it before the routes that it describes. */
export async function registerOpenapi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: INFO,
      tags: [{ name: "Capsules" }, { name: "Platform" }],
      components: { securitySchemes: { apiKey: { type: "apiKey", in: "header", name: "X-API-Key" } } },
      security: [{ apiKey: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (input) => {
      const document = jsonSchemaTransformObject(input);
      touchUp(document as Document);
      return document;
    },
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    uiConfig: { layout: "BaseLayout", deepLinking: true },
    theme: { title: "Wrenn API" },
  });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  app.get("/openapi.yaml", { schema: { hide: true } }, (_request, reply) => {
    return reply.type("application/yaml").send(app.swagger({ yaml: true }));
  });
}
