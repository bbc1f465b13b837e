/** WebSockets beside the routes: bounds of what clients send, and their end when the server stops. */
import webSockets from "@fastify/websocket";
import { LIMITS } from "@wrenn/protocol/limits";
import type { App } from "../api/route.ts";

const GOING_AWAY = 1001;

/** Register it before the routes that it serves. */
export async function registerWebSockets(app: App): Promise<void> {
  await app.register(webSockets, {
    options: { maxPayload: LIMITS.webSocketMessageBytes },
    // What is wrong with a frame is told to the client by the close code.
    errorHandler: () => {},
    preClose(done) {
      for (const client of app.websocketServer.clients) client.close(GOING_AWAY, "the server stops");
      done();
    },
  });
}
