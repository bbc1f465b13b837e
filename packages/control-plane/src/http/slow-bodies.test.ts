import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { type FastifyInstance, fastify } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { limitSlowBodies } from "./slow-bodies.ts";

const PATIENCE_MS = 100;

describe("bodies that do not end", () => {
  let app: FastifyInstance;
  let uploaded = "";

  beforeEach(async () => {
    app = fastify();
    limitSlowBodies(app, PATIENCE_MS);
    app.post("/json", async () => "read");
    app.post("/refused", { onRequest: async (_request, reply) => reply.code(401).send("no") }, async () => "read");
    await app.register(async (uploads) => {
      uploads.removeAllContentTypeParsers();
      uploads.addContentTypeParser("*", (_request, _payload, done) => done(null));
      uploads.post("/upload", { schema: { consumes: ["application/octet-stream"] } }, async ({ raw }) => {
        uploaded = "";
        for await (const piece of raw) uploaded += String(piece);
        return "read";
      });
    });
    await app.listen({ host: "127.0.0.1", port: 0 });
  });
  afterEach(() => app.close());

  const begin = async (path: string): Promise<Socket> => {
    const { port } = app.server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n1`);
    await once(socket, "connect");
    return socket;
  };

  it.each(["/json", "/refused"])("end the connection: %s", async (path) => {
    const socket = await begin(path);
    socket.resume();
    await once(socket, "close");
  });

  it("may take long in an upload", async () => {
    const [slow, judge] = [await begin("/upload"), await begin("/json")];
    judge.resume();
    await once(judge, "close");
    slow.write("234");
    const [answer] = (await once(slow, "data")) as [Buffer];
    expect(answer.toString()).toContain("200 OK");
    expect(uploaded).toBe("1234");
    slow.destroy();
  });
});
