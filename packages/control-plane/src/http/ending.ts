/** Once the end was asked for a connection is closed with the answer that is under way on it: the end waits for open ones. */
import type { App } from "../api/route.ts";

export function closeConnectionsAtEnd(app: App): void {
  let ending = false;
  app.addHook("preClose", (done) => {
    ending = true;
    done();
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (ending) reply.header("connection", "close");
    done(null, payload);
  });
  // The header of an answer that had begun before says otherwise.
  app.addHook("onResponse", (_request, _reply, done) => {
    if (ending) setImmediate(() => app.server.closeIdleConnections());
    done();
  });
}
