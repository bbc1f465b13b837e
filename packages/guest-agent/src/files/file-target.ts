/** Which file a request to `/files` means, and for whom. */
import { WrennError } from "@wrenn/protocol/errors";
import type { Agent } from "../agent.ts";
import { findCaller } from "../system/caller.ts";
import { resolveUserPath } from "../system/paths.ts";
import type { User } from "../system/users.ts";

export interface FileTarget {
  /** as in the query */
  readonly path: string | undefined;
  readonly user: User;
}

/** @throws unauthorized for an unknown user */
export function fileTarget(agent: Pick<Agent, "users" | "settings">, query: string): FileTarget {
  const parameters = new URLSearchParams(query);
  return {
    path: parameters.get("path") || undefined,
    user: findCaller(agent, parameters.get("username") ?? undefined),
  };
}

/** The absolute path. @throws invalid_request for a path that is missing or cannot be one */
export function requirePath(path: string | undefined, user: User): string {
  if (path === undefined) throw new WrennError("invalid_request", "the query parameter path is missing");
  return resolveUserPath(path, user.home);
}
