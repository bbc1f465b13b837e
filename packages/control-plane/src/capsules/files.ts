/** Files of a capsule: what they are, and their bytes as streams. */
import type { IncomingMessage } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import type { EntryInfo } from "@wrenn/protocol/gen/filesystem_pb";
import type { GuestClient } from "../hosts/guest-client.ts";
import { guestError } from "../hosts/guest-errors.ts";
import type { CapsuleDeps } from "./deps.ts";
import { type GuestCall, withGuest, withGuestOnce } from "./guest.ts";

type FilesystemCall<T> = (filesystem: GuestClient["filesystem"], options: { signal: AbortSignal }) => Promise<T>;

/** One call of the guest's filesystem service. @throws what withGuest throws, not_found, conflict, forbidden, invalid_request */
export function callFilesystem<T>(deps: CapsuleDeps, call: GuestCall, use: FilesystemCall<T>): Promise<T> {
  return withGuest(deps, call, async ({ filesystem }) => {
    try {
      return await use(filesystem, { signal: call.signal });
    } catch (error) {
      throw guestError(error);
    }
  });
}

/** The entry of an answer, which always has one. @throws agent_error */
export function entryOf({ entry }: { entry?: EntryInfo | undefined }): EntryInfo {
  if (entry === undefined) throw new WrennError("agent_error", "the capsule's agent told nothing about the file");
  return entry;
}

/** Removes a file, or a folder and all in it. @throws what callFilesystem throws, not_found also when there was nothing */
export function removeFile(deps: CapsuleDeps, call: GuestCall, path: string): Promise<void> {
  return callFilesystem(deps, call, async (filesystem, options) => {
    // The agent's Remove takes what is not there for removed.
    await filesystem.stat({ path }, options);
    await filesystem.remove({ path }, options);
  });
}

/**
 * The bytes of a file, or of a part of it.
 * @param headers conditions, ranges and encodings that the client accepts
 * @throws what withGuest throws, not_found, invalid_request for what is not a regular file, range_not_satisfiable
 */
export function readFile(
  deps: CapsuleDeps,
  call: GuestCall,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  return withGuest(deps, call, (guest) =>
    guest.request({ method: "GET", path: filesPath(path), headers, signal: call.signal }),
  );
}

/**
 * Writes a file as one step, with the folders above it: when it fails, what was there is still there.
 * A file that has several names, or that no other one can take the place of, is written over as it comes instead.
 * @param body read no faster than the guest writes
 * @throws what withGuest and `body` throw, invalid_request, forbidden, disk_full
 */
export function writeFile(
  deps: CapsuleDeps,
  call: GuestCall,
  path: string,
  body: AsyncIterable<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  return withGuestOnce(deps, call, async (guest) => {
    const answer = await guest.request({
      method: "POST",
      path: filesPath(path),
      headers: { ...headers, "content-type": "application/octet-stream" },
      body,
      signal: call.signal,
    });
    answer.resume();
  });
}

function filesPath(path: string): string {
  return `/files?${new URLSearchParams({ path })}`;
}
