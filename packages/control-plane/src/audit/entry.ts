/** What is written down of an action. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { ACTOR_TYPES, AUDIT_SCOPES, AUDIT_STATUSES } from "../db/schema.ts";
import type { Principal } from "../identity/principal.ts";

export interface AuditEntry {
  /** UUID; the platform's own for what its administrators and it itself do */
  readonly teamId: string;
  readonly scope: (typeof AUDIT_SCOPES)[number];
  readonly actor: Actor;
  readonly resourceType: string;
  /** wire id or name */
  readonly resourceId?: string | undefined;
  readonly action: string;
  readonly status: (typeof AUDIT_STATUSES)[number];
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly requestId?: string | undefined;
  readonly sourceAddress?: string | undefined;
}

export interface Actor {
  readonly type: (typeof ACTOR_TYPES)[number];
  /** wire id */
  readonly id?: string;
  readonly name?: string;
}

export const SYSTEM: Actor = { type: "system" };

export function actorOf(principal: Principal | undefined): Actor {
  switch (principal?.kind) {
    case "user":
      return { type: "user", id: idFromUuid("user", principal.userId), name: principal.name };
    case "api_key":
      return { type: "api_key", id: idFromUuid("key", principal.keyId), name: principal.name };
    case "host":
      return { type: "host", id: idFromUuid("host", principal.hostId) };
    default:
      return SYSTEM;
  }
}
