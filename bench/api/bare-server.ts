/** A process of its own: the bare HTTP framework, which answers every request with the bytes that it was sent first. */
import { fastify } from "fastify";

process.once("message", (body: string) => {
  void (async () => {
    const app = fastify({ logger: false });
    app.get("/v1/capsules", (_request, reply) =>
      reply.header("content-type", "application/json; charset=utf-8").send(body),
    );
    process.send?.(await app.listen({ host: "127.0.0.1", port: 0 }));
  })();
});
process.once("disconnect", () => process.exit(0));
