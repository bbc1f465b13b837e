/** Who is behind the work that goes on: whoever sent the request that it began with, or the platform itself. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Actor, SYSTEM } from "./entry.ts";

const actors = new AsyncLocalStorage<Actor>();

/** Everything that `body` begins is done by `actor`. */
export function actingAs<T>(actor: Actor, body: () => T): T {
  return actors.run(actor, body);
}

export function currentActor(): Actor {
  return actors.getStore() ?? SYSTEM;
}
