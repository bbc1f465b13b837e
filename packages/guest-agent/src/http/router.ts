/** Finds the handler of a request by method and path, and turns whatever it throws into an answer. */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import { logError } from "../log.ts";
import { sendError } from "./respond.ts";

/** `query` is the raw text after the question mark. */
export type RouteHandler = (request: IncomingMessage, response: ServerResponse, query: string) => void | Promise<void>;

/** Routes are keyed by "METHOD /path". */
export function createRouter(routes: ReadonlyMap<string, RouteHandler>): RequestListener {
  return (request, response) => {
    const url = request.url ?? "/";
    const mark = url.indexOf("?");
    const path = mark === -1 ? url : url.slice(0, mark);
    const handler = routes.get(`${request.method} ${path}`);
    // A fresh clone would announce the time of its snapshot.
    response.sendDate = false;
    if (handler === undefined) {
      sendError(response, new WrennError("not_found", `no route ${request.method} ${path}`));
      return;
    }
    void answer(handler, request, response, mark === -1 ? "" : url.slice(mark + 1));
  };
}

async function answer(
  handler: RouteHandler,
  request: IncomingMessage,
  response: ServerResponse,
  query: string,
): Promise<void> {
  try {
    await handler(request, response, query);
  } catch (error) {
    if (isDisconnect(error)) return;
    if (!(error instanceof WrennError)) logError(`${request.method} ${request.url}`, error);
    sendError(response, WrennError.from(error));
  }
}

/** The client went away: there is nobody to answer, and nothing is wrong with the agent. */
function isDisconnect(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET";
}
