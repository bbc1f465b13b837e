import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { fastify } from "fastify";
import { expect, it } from "vitest";
import type { App } from "../api/route.ts";
import { closeConnectionsAtEnd } from "./ending.ts";

it("ends with the answers that are under way, although their clients keep connections open", async () => {
  const app = fastify({ return503OnClosing: false }) as unknown as App;
  closeConnectionsAtEnd(app);
  const [asked, answer, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<string>(), new PassThrough()];
  app.get("/slow", () => {
    asked.resolve();
    return answer.promise;
  });
  app.get("/stream", (_request, reply) => reply.send(begun));
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  const get = async (path: string): Promise<IncomingMessage> => {
    const [response] = (await once(request({ port, path, agent }).end(), "response")) as [IncomingMessage];
    return response;
  };
  begun.write("first ");
  const streamed = await get("/stream");
  const slow = get("/slow");
  await asked.promise;
  const closed = app.close();
  // The end has begun, and waits.
  await new Promise(setImmediate);
  answer.resolve("late");
  expect((await slow).headers.connection).toBe("close");
  expect(await text(await slow)).toBe("late");
  expect(streamed.headers.connection).toBe("keep-alive");
  begun.end("last");
  expect(await text(streamed)).toBe("first last");
  await closed;
  agent.destroy();
});
