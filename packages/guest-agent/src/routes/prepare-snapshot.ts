/** `POST /snapshot/prepare`: leaves as little as possible in memory for a snapshot to hold. */
import type { Agent } from "../agent.ts";
import type { RouteHandler } from "../http/router.ts";

/** For a snapshot that many machines share: one copy of the page cache then serves all of them. */
const KEEP_PAGE_CACHE = "page_cache=keep";

/** @param closeIdle closes the connections that wait for a request: no peer of theirs is there after a restore */
export function prepareSnapshotRoute({ kernel }: Pick<Agent, "kernel">, closeIdle: () => void): RouteHandler {
  return async (_request, response, query) => {
    await kernel.sync();
    if (query !== KEEP_PAGE_CACHE) kernel.dropPageCache();
    globalThis.gc?.();
    closeIdle();
    response.writeHead(204, { connection: "close" }).end();
  };
}
