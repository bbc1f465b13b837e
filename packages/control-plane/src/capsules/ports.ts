/** Ports that programs of a capsule listen on. */
import type { PortList } from "@wrenn/protocol/rest/ports";
import { connectionBroke, guestError } from "../hosts/guest-errors.ts";
import { readBytes } from "../hosts/read-body.ts";
import { withinLimit } from "../hosts/time-limit.ts";
import type { CapsuleDeps } from "./deps.ts";
import { type GuestCall, withGuest } from "./guest.ts";
import { MAX_LIST_BYTES, parsePortList, portListsOf } from "./port-list.ts";

/** @throws what withGuest throws, agent_error for what is no list, guest_unreachable when none comes within 30 s */
export function listPorts(deps: CapsuleDeps, call: GuestCall): Promise<PortList> {
  return withGuest(deps, call, (guest) =>
    withinLimit(call.signal, async (signal) => {
      try {
        const answer = await guest.request({ method: "GET", path: "/ports", signal });
        return parsePortList(`${await readBytes(answer, MAX_LIST_BYTES)}`);
      } catch (error) {
        throw guestError(error);
      }
    }),
  );
}

/** The ports now and after every change, until the call's signal aborts. @throws what withGuest throws, guest_unreachable when it breaks */
export async function* watchPorts(deps: CapsuleDeps, call: GuestCall): AsyncGenerator<PortList> {
  const answer = await withGuest(deps, call, (guest) =>
    guest.request({ method: "GET", path: "/ports/watch", signal: call.signal }),
  );
  try {
    yield* portListsOf(answer);
  } catch (error) {
    throw guestError(error);
  } finally {
    answer.destroy();
  }
  throw connectionBroke();
}
