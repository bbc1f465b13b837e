/** Who sends the request of a route's case. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { TestUser } from "./platform.ts";
import type { Target } from "./route-cases.ts";
import type { DeclaredRoute } from "./route-table.ts";
import type { Headers, World } from "./world.ts";

export interface Sender {
  readonly headers: Headers;
  /** as the audit log has them */
  readonly actorType: string;
  readonly actorId: string | null;
}

const nobody: Sender = { headers: {}, actorType: "system", actorId: null };

function fromUser({ id, headers }: TestUser): Sender {
  return { headers: { ...headers }, actorType: "user", actorId: idFromUuid("user", id) };
}

/** Who has just enough rights for the route. */
export function senderOf(
  world: World,
  { access }: Pick<DeclaredRoute, "access">,
  { actor, ofTeam, host }: Target,
): Sender {
  switch (access.who) {
    case "team":
      return { headers: world.key, actorType: "api_key", actorId: world.keyId };
    case "member":
      return fromUser(world[access.role]);
    case "user":
      return fromUser(ofTeam === true ? world.owner : world.member);
    case "admin":
      return fromUser(world.root);
    case "host":
      return { ...nobody, headers: { ...host } };
    default:
      // Who signs in by the request is its actor.
      return actor === undefined ? nobody : { headers: {}, actorType: "user", actorId: actor };
  }
}
