/** How requests reach the agent inside a capsule: only for its team, and only once it runs. */
import type { Id } from "@wrenn/protocol/ids";
import type { CapsuleRow } from "../db/schema.ts";
import { hostError } from "../hosts/errors.ts";
import type { GuestClient } from "../hosts/guest-client.ts";
import { getHost } from "../hosts/registry.ts";
import { touchCapsule } from "./activity.ts";
import type { CapsuleDeps } from "./deps.ts";
import { clientLeft, useCapsule } from "./wake.ts";

/** Whose capsule a request is about, and until when its client waits. */
export interface GuestCall {
  readonly teamId: string;
  readonly id: Id<"capsule">;
  /** the client's: it aborts when the client leaves */
  readonly signal: AbortSignal;
}

/**
 * Calls `use` with the agent of the capsule, which counts as used now. `use` must have done nothing when it fails with
 * invalid_state, see `useCapsule`.
 * @throws what useCapsule and `use` throw
 */
export function withGuest<T>(
  deps: CapsuleDeps,
  { teamId, id, signal }: GuestCall,
  use: (guest: GuestClient) => Promise<T>,
): Promise<T> {
  return useCapsule(deps, teamId, id, signal, async (row) => use(await guestOf(deps, row, id)));
}

/**
 * The same for what cannot be tried again, such as a body that is gone once it was read: the host is asked first, and then
 * does not pause the capsule by itself for as long as its idle time is.
 */
export async function withGuestOnce<T>(
  deps: CapsuleDeps,
  { teamId, id, signal }: GuestCall,
  use: (guest: GuestClient) => Promise<T>,
): Promise<T> {
  const guest = await useCapsule(deps, teamId, id, signal, async (row) => {
    const host = await getHost(deps.db, row.hostId);
    try {
      await deps.hosts.get(host).unary.pingSandbox({ sandboxId: id }, { signal });
    } catch (error) {
      throw hostError(error);
    }
    return guestOf(deps, row, id);
  });
  try {
    return await use(guest);
  } catch (error) {
    throw signal.aborted ? clientLeft(error) : error;
  }
}

async function guestOf(deps: CapsuleDeps, row: CapsuleRow, id: Id<"capsule">): Promise<GuestClient> {
  const host = await getHost(deps.db, row.hostId);
  await touchCapsule(deps.db, row);
  return deps.hosts.guest(host, id);
}
