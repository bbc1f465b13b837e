/**
 * Writes down what was done. Every route of /v1 that changes something says as what. What was refused leaves no entry, for
 * nothing was done, unless the handler wants one; what failed here or on a host leaves one with the status `error`, for some of it
 * may have been.
 */
import { idToUuid, PLATFORM_TEAM } from "@wrenn/protocol/ids";
import type { FastifyInstance, FastifyRequest, onSendAsyncHookHandler } from "fastify";
import { type Actor, type AuditEntry, actorOf } from "../audit/entry.ts";
import type { AuditLog } from "../audit/log.ts";
import { CLIENT_LEFT, toWrennError } from "./errors.ts";

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
    /** What the handler adds to the entry: another resource than `:id` of the path, another team or action, details. */
    audited: {
      resourceId?: string;
      teamId?: string;
      action?: string;
      /** where it is nobody who is signed in */
      actor?: Actor;
      metadata?: Record<string, unknown>;
      /** that it was refused is worth an entry, a warning */
      refused?: true;
    };
    /** code of the error that the request ended with */
    failure: string | undefined;
  }
}

const READS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Register it after the guard and what answers without doing anything, and before the routes. */
export function registerAudit(app: FastifyInstance, log: AuditLog): void {
  app.addHook("onRoute", (route) => {
    const { url, method, config } = route;
    const changes = [method].flat().some((one) => !READS.has(one));
    if (changes && url.startsWith("/v1/") && config?.audit === undefined) {
      throw new Error(`${String(method)} ${url} does not say what it leaves in the audit log`);
    }
    if (config?.audit === undefined || config.audit === "none") return;
    route.onSend = [route.onSend ?? [], recordAs(config.audit, log)].flat();
  });
  app.decorateRequest("audited", undefined as never);
  app.addHook("onRequest", (request, _reply, done) => {
    request.audited = {};
    done();
  });
  app.decorateRequest("failure");
  app.addHook("onError", async (request, _reply, error) => {
    request.failure = toWrennError(request.revoked ?? error).code;
  });
}

function recordAs(audit: AuditAs, log: AuditLog): onSendAsyncHookHandler {
  return async (request, reply) => {
    // It failed in the guard, perhaps because the database is away: nothing has been begun, and nobody knows for whom.
    if (request.audited === undefined || request.replayed) return;
    // Also what ended because nobody waited for it any more, or was allowed to.
    const failed = reply.statusCode >= 500 || reply.statusCode === CLIENT_LEFT || request.revoked !== undefined;
    const refused = reply.statusCode >= 400 && !failed;
    if (refused && request.audited.refused !== true) return;
    const status = failed ? "error" : refused ? "warning" : "success";
    const written = log.record(entryOf(request, audit, status));
    // Whoever has the answer finds the entry, unless the database stays away; what went wrong may be just that.
    if (audit.later !== true && !failed) await written;
  };
}

/** The team whose log it belongs in: what administrators do to others is the platform's. */
function teamOf({ audited, routeOptions, teamId }: FastifyRequest): string {
  const own = routeOptions.config.access?.who === "admin" ? "" : teamId;
  return audited.teamId ?? (own || idToUuid(PLATFORM_TEAM));
}

function entryOf(
  request: FastifyRequest,
  { resource, action, scope }: AuditAs,
  status: AuditEntry["status"],
): AuditEntry {
  const { id } = request.params as { id?: string };
  const { resourceId = id, actor = actorOf(request.principal), metadata } = request.audited;
  return {
    teamId: teamOf(request),
    scope: scope ?? "team",
    actor,
    resourceType: resource,
    resourceId,
    action: request.audited.action ?? action,
    status,
    metadata: status === "error" ? { ...metadata, code: request.failure } : metadata,
    requestId: request.id,
    sourceAddress: request.ip,
  };
}
