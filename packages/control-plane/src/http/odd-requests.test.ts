/** Requests that reach no route: methods that there are not, and bytes that are hardly HTTP. */
import { type AddressInfo, connect } from "node:net";
import type { ErrorEnvelope } from "@wrenn/protocol/rest/common";
import { beforeAll, describe, expect, it } from "vitest";
import type { App } from "../api/route.ts";
import { readDocument } from "../testing/document.ts";
import { buildRoutesOnly } from "../testing/routes-only.ts";

const document = await readDocument();
const METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"] as const;

describe("odd requests", () => {
  let app: App;
  let port: number;

  beforeAll(async () => {
    app = await buildRoutesOnly();
    await app.listen({ host: "127.0.0.1", port: 0 });
    ({ port } = app.server.address() as AddressInfo);
    return () => app.close();
  });

  /** All that comes back until the server ends the connection, which it has to. */
  function exchange(bytes: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let said = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
    socket.setTimeout(8000, () => socket.destroy(new Error(`no end after: ${said}`)));
    socket.on("data", (chunk) => {
      said += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(said));
    socket.on("error", (error) => (said === "" ? reject(error) : resolve(said)));
    return promise;
  }

  it.each(Object.entries(document.paths))(
    "methods that %s does not have are 405 and name those that it has",
    async (path, known) => {
      const url = path.replaceAll(/\{\w+\}/g, "x");
      const names = Object.keys(known).map((name) => name.toUpperCase());
      for (const method of METHODS.filter((one) => !names.includes(one))) {
        const answer = await app.inject({ method, url });
        // Another path may fit too: /v1/capsules/stats is one of /v1/capsules/{id}.
        const allowed = (answer.headers["allow"] ?? "").split(", ");
        if (answer.statusCode === 405) expect(allowed, `${method} ${url}`).toEqual(expect.arrayContaining(names));
        else expect(answer.statusCode, `${method} ${url}`).toBe(401);
      }
    },
  );

  const end = "Host: x\r\nConnection: close\r\n\r\n";

  it.each([
    ["no HTTP", "GARBAGE\r\n\r\n", 400],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400],
    ["a version that there is not", `GET / HTTP/9.9\r\n${end}`, 400],
    ["a method that there is not", `FETCH / HTTP/1.1\r\n${end}`, 400],
    ["a NUL in a header", `GET /health HTTP/1.1\r\nX: a\0b\r\n${end}`, 400],
    ["a blank before a colon", `GET /health HTTP/1.1\r\nX : a\r\n${end}`, 400],
    ["two lengths", `POST /v1/auth/login HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n${end}{}`, 400],
    ["a length below 0", `POST /v1/auth/login HTTP/1.1\r\nContent-Length: -2\r\n${end}{}`, 400],
    [
      "a length and chunks",
      `POST /v1/auth/login HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n${end}0\r\n\r\n`,
      400,
    ],
    ["chunks of no size", `POST /v1/auth/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${end}zz\r\n`, 400],
    ["headers without an end", `GET /health HTTP/1.1\r\n${"X: y\r\n".repeat(20_000)}`, 431],
    ["a path that cannot be decoded", `GET /v1/capsules/%zz HTTP/1.1\r\n${end}`, 400],
    ["a path that is too long", `GET /v1/capsules/${"x".repeat(16_000)}${"y".repeat(1000)} HTTP/1.1\r\n${end}`, 431],
  ])("%s is refused in the form of errors, and the connection ends", async (_what, bytes, status) => {
    const said = await exchange(bytes);
    expect(said).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const { error } = JSON.parse(said.slice(said.indexOf("\r\n\r\n") + 4)) as ErrorEnvelope;
    expect(error).toEqual({ code: "invalid_request", message: expect.any(String) });
  });

  it.each([
    ["no host", "GET /health HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["an expectation", `GET /health HTTP/1.1\r\nExpect: miracles\r\n${end}`, /^HTTP\/1\.1 417 /],
    [
      "another protocol",
      `GET /health HTTP/1.1\r\nUpgrade: h2c\r\nHost: x\r\nConnection: Upgrade, close\r\n\r\n`,
      /^(HTTP\/1\.1 |$)/,
    ],
    ["a tunnel", `CONNECT example.com:443 HTTP/1.1\r\n${end}`, /^$/],
    ["an old version", "GET /health HTTP/1.0\r\n\r\n", /^HTTP\/1\.1 200 /],
    ["two hosts", `GET /health HTTP/1.1\r\nHost: y\r\n${end}`, /^HTTP\/1\.1 (200|400) /],
    ["an address in place of a path", `GET http://example.com/health HTTP/1.1\r\n${end}`, /^HTTP\/1\.1 (200|400|404) /],
  ])("%s is answered, and the connection ends", async (_what, bytes, answer) => {
    expect(await exchange(bytes)).toMatch(answer);
  });
});
