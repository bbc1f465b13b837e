/** Writes down what was done. Every route of /v1 that changes something says as what, and a request that failed leaves no entry. */
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { actorOf } from "../audit/entry.ts";
import type { AuditLog } from "../audit/log.ts";

export interface AuditAs {
  readonly resource: string;
  readonly action: string;
  /** `admin` entries are not for plain members */
  readonly scope?: "admin";
  /** the entry may come after the answer: for what is done many times a second */
  readonly later?: true;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** `none` for what changes nothing that anybody would look for */
    audit?: AuditAs | "none";
  }
  interface FastifyRequest {
    /** What the handler adds to the entry: another resource than `:id` of the path, another team, details. */
    audited: { resourceId?: string; teamId?: string; metadata?: Record<string, unknown> };
  }
}

const READS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Register it before the routes. */
export function registerAudit(app: FastifyInstance, log: AuditLog): void {
  app.addHook("onRoute", ({ url, method, config }) => {
    const changes = [method].flat().some((one) => !READS.has(one));
    if (!changes || !url.startsWith("/v1/") || config?.audit !== undefined) return;
    throw new Error(`${String(method)} ${url} does not say what it leaves in the audit log`);
  });
  app.decorateRequest("audited", undefined as never);
  app.addHook("onRequest", async (request) => {
    request.audited = {};
  });
  // Whoever has the answer finds the entry.
  app.addHook("onSend", async (request, reply) => {
    const { audit } = request.routeOptions.config;
    if (audit === undefined || audit === "none" || reply.statusCode >= 400) return;
    const written = log.record(entryOf(request, audit));
    if (audit.later !== true) await written;
  });
}

function entryOf(request: FastifyRequest, { resource, action, scope }: AuditAs) {
  const { id } = request.params as { id?: string };
  const { resourceId = id, teamId = request.teamId || idToUuid(PLATFORM_TEAM), metadata } = request.audited;
  return {
    teamId,
    scope: scope ?? ("team" as const),
    actor: actorOf(request.principal),
    resourceType: resource,
    resourceId,
    action,
    status: "success" as const,
    metadata,
    requestId: request.id,
    sourceAddress: request.ip,
  };
}
