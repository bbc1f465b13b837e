/** Ends connections of who sends what is short so slowly that only the connection can be meant. Uploads and streams take what time they need. */
import type { FastifyInstance, FastifyRequest } from "fastify";

const BODY_MS = 30_000;

/** Register it before the routes. @param ms for a body that is read as a whole, and for what nobody reads after the answer */
export function limitSlowBodies(app: FastifyInstance, ms = BODY_MS): void {
  app.addHook("preParsing", (request, _reply, _body, done) => {
    if (request.routeOptions.schema?.consumes === undefined) endUnlessComplete(request, ms);
    done();
  });
  app.addHook("onResponse", (request, _reply, done) => {
    endUnlessComplete(request, ms);
    done();
  });
}

function endUnlessComplete({ raw }: FastifyRequest, ms: number): void {
  if (raw.complete || raw.socket.destroyed) return;
  const timer = setTimeout(() => raw.destroy(), ms);
  timer.unref();
  const stop = () => clearTimeout(timer);
  raw.once("end", stop).once("close", stop);
}
