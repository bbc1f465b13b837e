/**
 * `POST /snapshot/prepare`: leaves as little as possible in memory for a snapshot to hold, and answers with the machine's clocks:
 * a request of its own for them would be time that a pause takes.
 */
import type { Agent } from "../agent.ts";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import { readClocks } from "./clock.ts";

/** For a snapshot that many machines share: one copy of the page cache then serves all of them. */
const KEEP_PAGE_CACHE = "page_cache=keep";

/**
 * Growth of the page cache that is worth dropping all of it. A dropped page is zeroed by the kernel: one that this machine
 * read costs a snapshot nothing afterwards, but one of the snapshot it came from costs memory of its own, time under an
 * emulated CPU, and a read of the disk when it is wanted again. So only what was added counts, and a little is kept.
 */
const WORTH_DROPPING_BYTES = 16 * 1024 * 1024;

/** @param closeIdle closes the connections that wait for a request: no peer of theirs is there after a restore */
export function prepareSnapshotRoute(
  { kernel, reclaimer }: Pick<Agent, "kernel" | "reclaimer">,
  closeIdle: () => void,
): RouteHandler {
  // In memory, so that it comes along in the snapshot. It stands still while little is added: many pauses add up.
  let inheritedBytes = 0;
  return async (_request, response, query) => {
    reclaimer.cancel();
    await kernel.sync();
    const keep = query === KEEP_PAGE_CACHE;
    const drop = !keep && kernel.memory().cache - inheritedBytes > WORTH_DROPPING_BYTES;
    if (drop) await kernel.dropPageCache();
    if (drop || keep) inheritedBytes = kernel.memory().cache;
    // A collection touches the whole heap: it pays for a snapshot that many share, and would only make a diff larger.
    if (keep) globalThis.gc?.();
    closeIdle();
    response.setHeader("connection", "close");
    sendJson(response, 200, readClocks());
  };
}
