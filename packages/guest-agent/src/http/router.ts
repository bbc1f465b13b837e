/** Finds the handler of a request by method and path, and turns whatever it throws into an answer. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import { CONTROL_PATHS } from "@wrenn/protocol/guest-http";
import { logError } from "../log.ts";
import { allowPages, answerPreflight } from "./cors.ts";
import type { Guard } from "./guard.ts";
import { sendError } from "./respond.ts";

/** `query` is the raw text after the question mark. */
export type RouteHandler = (request: IncomingMessage, response: ServerResponse, query: string) => void | Promise<void>;

const letAllPass: Guard = () => {};

/**
 * Routes are keyed by "METHOD /path". Whom the guard refuses does not learn which there are. Pages of any origin may ask for all
 * but the control paths, where no page has anything to do.
 */
export function createRouter(routes: ReadonlyMap<string, RouteHandler>, guard = letAllPass): RequestListener {
  return (request, response) => {
    const url = request.url ?? "/";
    const mark = url.indexOf("?");
    const path = mark === -1 ? url : url.slice(0, mark);
    const query = mark === -1 ? "" : url.slice(mark + 1);
    const route = `${request.method} ${path}`;
    // A fresh clone would announce the time of its snapshot.
    response.sendDate = false;
    if (!CONTROL_PATHS.has(path)) {
      allowPages(response);
      // Browsers ask without the token whether they may ask with it.
      if (request.method === "OPTIONS") return answerPreflight(response);
    }
    void answer(route, response, () => {
      guard(request, path, query);
      const handler = routes.get(route);
      if (handler === undefined) throw new WrennError("not_found", `no route ${route}`);
      return handler(request, response, query);
    });
  };
}

async function answer(route: string, response: ServerResponse, handle: () => void | Promise<void>): Promise<void> {
  try {
    await handle();
  } catch (error) {
    if (isDisconnect(error)) return;
    if (!(error instanceof WrennError)) logError(route, error);
    sendError(response, WrennError.from(error));
  }
}

/** The client went away: there is nobody to answer, and nothing is wrong with the agent. */
function isDisconnect(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET";
}
