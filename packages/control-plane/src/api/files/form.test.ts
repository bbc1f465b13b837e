import { readdirSync } from "node:fs";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import multipart from "@fastify/multipart";
import { WrennError } from "@wrenn/protocol/errors";
import { type FastifyInstance, fastify } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../testing/random.ts";
import { readForm } from "./form.ts";

interface Received {
  readonly status: number;
  readonly path?: string;
  /** latin1 */
  readonly file?: string;
  readonly message?: string;
}

const LIMIT = 100_000;
const spools = () => readdirSync(tmpdir()).filter((name) => name.startsWith("wrenn-upload-"));

describe("a form with a file", () => {
  let app: FastifyInstance;
  let spoolsBefore: string[];

  beforeAll(async () => {
    spoolsBefore = spools();
    app = fastify();
    await app.register(multipart);
    app.post<{ Querystring: { any?: string } }>("/", async (request, reply) => {
      try {
        await using form = await readForm(request, { limit: LIMIT, anyOrder: request.query.any !== undefined });
        const chunks: Uint8Array[] = [];
        for await (const chunk of form.file) chunks.push(chunk);
        return { status: 200, path: form.path, file: Buffer.concat(chunks).toString("latin1") };
      } catch (error) {
        if (!(error instanceof WrennError)) throw error;
        return reply.send({ status: error.spec.status, message: error.message });
      } finally {
        request.raw.unpipe();
        request.raw.resume();
      }
    });
    await app.listen({ host: "127.0.0.1", port: 0 });
  });
  afterAll(() => app.close());

  /** Sends the body in pieces, so that nothing comes as one chunk by accident. */
  function send(pieces: readonly Uint8Array[], boundary: string, path = "/"): Promise<Received> {
    const { promise, resolve, reject } = Promise.withResolvers<Received>();
    const { port } = app.server.address() as AddressInfo;
    const headers = { "content-type": `multipart/form-data; boundary=${boundary}` };
    const call = httpRequest({ port, path, method: "POST", headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.once("end", () => resolve(JSON.parse(text) as Received));
      answer.once("error", reject);
    });
    call.once("error", reject);
    for (const piece of pieces) call.write(piece);
    call.end();
    return promise;
  }

  const field = (boundary: string, name: string, value: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const file = (boundary: string, content: Uint8Array) =>
    Buffer.concat([
      Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="upload.bin"\r\n` +
          "Content-Type: application/octet-stream\r\n\r\n",
      ),
      content,
      Buffer.from("\r\n"),
    ]);
  const formOf = (boundary: string, ...parts: (string | Uint8Array)[]) =>
    Buffer.concat([...parts, `--${boundary}--\r\n`].map((part) => Buffer.from(part as string)));

  it.each([
    ["in any pieces", (random: Random) => random.bytes(random.below(400))],
    [
      "with what looks like its boundary",
      (random: Random) => Buffer.from("\r\n--b\r\n--bo\r\n".repeat(random.below(9))),
    ],
    ["with ends of lines", (random: Random) => Buffer.from("\r\n\r\r\n-".repeat(random.below(30)))],
  ])("comes as it was sent, %s", async (_what, contentOf) => {
    const random = new Random();
    for (let round = 0; round < 60; round++) {
      const boundary = `bound${random.below(1e9)}`;
      const content = contentOf(random);
      const parts = [field(boundary, "path", "/a"), file(boundary, content)];
      const any = random.below(2) === 0;
      const body = formOf(boundary, ...(any ? parts.toReversed() : parts));
      const received = await send(random.split(body, 60), boundary, any ? "/?any=1" : "/");
      expect(received, `seed ${random.seed}`).toEqual({ status: 200, path: "/a", file: content.toString("latin1") });
    }
  });

  it("is never taken for whole when it is cut off", async () => {
    const random = new Random();
    const content = random.bytes(300);
    const body = formOf("cut", field("cut", "path", "/a"), file("cut", content));
    // What follows the last boundary says nothing of the file.
    const whole = body.length - "--\r\n".length;
    for (let round = 0; round < 200; round++) {
      const length = random.below(whole);
      const any = random.below(2) === 0;
      const received = await send(random.split(body.subarray(0, length), 200), "cut", any ? "/?any=1" : "/");
      expect(received, `seed ${random.seed}, ${length} bytes`).toMatchObject({ status: 400 });
      expect(received.message).not.toMatch(/undefined|Error/);
    }
  });

  it("is understood or refused, whatever is in it", async () => {
    const random = new Random();
    const words = [
      "\r\n",
      "\r\n\r\n",
      "--b",
      "--b--",
      "--",
      ":",
      ";",
      '"',
      "\0",
      "form-data",
      "name",
      "file",
      "filename*=",
      "é",
    ];
    for (let round = 0; round < 300; round++) {
      const body = formOf("b", field("b", "path", "/a"), file("b", random.bytes(random.below(100))));
      for (let change = random.below(6); change > 0; change--) {
        const at = random.below(body.length);
        const word = random.below(2) === 0 ? random.bytes(1) : Buffer.from(random.pick(words));
        word.copy(body, at);
      }
      const received = await send(random.split(body, 100), "b", random.pick(["/", "/?any=1"]));
      expect([200, 400], `seed ${random.seed}: ${body.toString("latin1")}`).toContain(received.status);
    }
  });

  it.each([
    ["many fields", (b: string) => [...Array(50).keys()].map((n) => field(b, `x${n}`, "y"))],
    ["a huge field", (b: string) => [field(b, "x", "y".repeat(2_000_000))]],
    ["a huge header", (b: string) => [field(b, "x".repeat(200_000), "y")]],
    ["many files", (b: string) => [...Array(50).keys()].map(() => file(b, Buffer.from("x")))],
    [
      "a huge file of another name",
      (b: string) => [file(b, Buffer.alloc(3_000_000)).toString().replace("file", "other")],
    ],
    [
      "names of the language",
      (b: string) => ["__proto__", "constructor", "toString"].map((name) => field(b, name, "x")),
    ],
  ])("may come after %s or be refused for them, but the server goes on", async (_what, before) => {
    const body = formOf("x", ...before("x"), field("x", "path", "/a"), file("x", Buffer.from("content")));
    expect([200, 400, 413]).toContain((await send([body], "x", "/?any=1")).status);
    const plain = formOf("x", field("x", "path", "/a"), file("x", Buffer.from("content")));
    expect(await send([plain], "x")).toEqual({ status: 200, path: "/a", file: "content" });
  });

  it("is at most as large as the limit", async () => {
    for (const [bytes, status] of [
      [LIMIT, 200],
      [LIMIT + 1, 413],
    ] as const) {
      const parts = [field("l", "path", "/a"), file("l", Buffer.alloc(bytes))];
      expect((await send([formOf("l", ...parts)], "l")).status).toBe(status);
      expect((await send([formOf("l", ...parts.toReversed())], "l", "/?any=1")).status).toBe(status);
    }
  });

  it("leaves nothing on the disk of the server", () => {
    expect(spools().filter((name) => !spoolsBefore.includes(name))).toEqual([]);
  });
});
