/** Whatever bytes come, from a client with or without the token: the agent answers the next one, and holds nothing. */
import { once } from "node:events";
import { connect } from "node:net";
import { WrennError } from "@wrenn/protocol/errors";
import { afterEach, beforeEach, expect, it } from "vitest";
import { timeoutOf } from "../connect/timeout.ts";
import { parseInit } from "../routes/init-body.ts";
import { type AgentFixture, startAgent, TOKEN } from "../testing/agent-fixture.ts";
import { fuzz, type Random } from "../testing/fuzz.ts";
import { checkSignature, signature } from "./signature.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent({ strict: true });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const METHODS = ["GET", "POST", "PUT", "OPTIONS", "DELETE", "PRI", "\u0000"];
const PATHS = [
  ...["/", "/health", "/files", "/files?path=%2Fnowhere%2Fx", "/files?path=%00&username=%00", "/metrics", "/envs"],
  ...["/init", "/ports", "/process.Process/List", "/process.Process/Connect", "/process.Process/SendInput"],
  ...["/filesystem.Filesystem/ListDir", "/filesystem.Filesystem/Stat", "/%", "/process.Process/Start"],
];
const HEADERS = [
  ...[`x-access-token: ${TOKEN}`, "content-type: application/json", "content-type: application/connect+json"],
  ...["content-type: application/proto", "content-type: multipart/form-data; boundary=b", "content-encoding: gzip"],
  ...["content-length: 5", "content-length: 99999999999999999999", "transfer-encoding: chunked", "connection: upgrade"],
  ...[
    "connect-timeout-ms: 1e9",
    "connect-protocol-version: 1",
    "expect: 100-continue",
    "range: bytes=9-1",
    "x: \u0001",
  ],
];
const BODIES = [
  ...["{}", '{"path":"/', "\u0000\u0000\u0000\u0000\u0002{}", "\u0000\u00ff\u00ff\u00ff\u00ff", "--b\r\n", "\r\n\r\n"],
  ...["5\r\n", "ffffffffffffffff\r\n", "0\r\n\r\n", '{"process":{"pid":-1}}', "\u001f\u008b\u0008"],
];

function hostileRequest(random: Random): Buffer {
  const head = [`${random.pick(METHODS)} ${random.pick(PATHS)} HTTP/1.1`, "host: x"];
  for (let count = random.below(5); count > 0; count--) head.push(random.pick(HEADERS));
  const body = Buffer.concat([Buffer.from(random.join(BODIES, 4), "latin1"), random.bytes(random.below(20))]);
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}

it(
  "requests that are none",
  fuzz(300, async (random) => {
    const { port } = new URL(fixture.url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    const closed = once(socket, "close");
    socket.end(hostileRequest(random));
    // A body that does not come is waited for; the client that leaves ends that.
    const timer = setTimeout(() => socket.destroy(), 100);
    await closed;
    clearTimeout(timer);
    if (random.below(20) !== 0) return;
    const health = await fetch(`${fixture.url}/health`, { headers: { "x-access-token": TOKEN } });
    expect(health.ok).toBe(true);
    expect(fixture.agent.processes.list()).toEqual([]);
  }),
  60_000,
);

const VALUES = [
  null,
  true,
  -1,
  1.5,
  1e300,
  "",
  "x".repeat(300),
  "\u0000",
  [],
  {},
  { A: 1 },
  { "": "x" },
  { "A=B": "" },
];
const NAMES = [
  ...["sandboxId", "templateId", "machineId", "hostname", "generation", "timestampMs", "clockOffsetMs", "growDisk"],
  ...["diskFull", "entropy", "accessToken", "defaultUser", "defaultWorkdir", "envVars", "__proto__", "other"],
];

it(
  "settings that are none are refused by name, before anything is set",
  fuzz(2000, (random) => {
    const body: unknown =
      random.below(10) === 0
        ? random.pick(VALUES)
        : Object.fromEntries(Array.from({ length: random.below(4) }, () => [random.pick(NAMES), random.pick(VALUES)]));
    try {
      parseInit(body);
    } catch (error) {
      expect(error).toBeInstanceOf(WrennError);
      expect((error as WrennError).code).toBe("invalid_request");
    }
  }),
);

it(
  "deadlines and signatures are right or refused",
  fuzz(2000, (random) => {
    const text = random.join(["0", "1", "9999999999", "-", ".", "e", " ", "x"], 4);
    try {
      const timeout = timeoutOf({ "connect-timeout-ms": text });
      expect(timeout === undefined || (Number.isSafeInteger(timeout) && timeout > 0)).toBe(true);
    } catch (error) {
      expect((error as WrennError).code).toBe("invalid_request");
    }
    const good = new URLSearchParams({ path: "/a", username: "u", signature: signature("/a", "read", "u", TOKEN) });
    expect(() => checkSignature(good.toString(), "read", TOKEN, 0)).not.toThrow();
    const name = random.pick(["path", "username", "signature", "signature_expiration"]);
    good.set(name, `${good.get(name) ?? ""}${random.pick(["x", "/", "%00", ":", "é"])}`);
    expect(() => checkSignature(good.toString(), "read", TOKEN, 0)).toThrow(WrennError);
  }),
);
