/** Follows what happens to the files of a folder. */
import type { WatchDirResponse } from "@wrenn/protocol/gen/filesystem_pb";
import { connectionBroke, guestError } from "../hosts/guest-errors.ts";
import type { CapsuleDeps } from "./deps.ts";
import { type GuestCall, withGuest } from "./guest.ts";

export type FolderEvent = Extract<WatchDirResponse["event"], { case: "start" | "filesystem" | "overflow" }>;

/**
 * Begins with `start`, as soon as nothing is missed any more; it goes on until the call's signal aborts.
 * @throws what withGuest throws, not_found, invalid_request for what is no folder, guest_unreachable when it breaks
 */
export async function* watchFolder(
  deps: CapsuleDeps,
  call: GuestCall,
  request: { readonly path: string; readonly recursive: boolean },
): AsyncGenerator<FolderEvent> {
  try {
    // The first answer decides whether the capsule has to be woken.
    const [first, rest] = await withGuest(deps, call, async ({ filesystem }) => {
      const answers = filesystem.watchDir(request, { signal: call.signal })[Symbol.asyncIterator]();
      try {
        return [await answers.next(), answers] as const;
      } catch (error) {
        throw guestError(error);
      }
    });
    for (let next = first; next.done !== true; next = await rest.next()) {
      const { event } = next.value;
      if (event.case !== undefined && event.case !== "keepalive") yield event;
    }
  } catch (error) {
    throw guestError(error);
  }
  throw connectionBroke();
}
