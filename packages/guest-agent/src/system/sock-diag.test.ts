import { describe, expect, it } from "vitest";
import {
  AF_INET,
  AF_INET6,
  type Connection,
  destroyRequest,
  isWithinMachine,
  listRequest,
  parseAnswer,
} from "./sock-diag.ts";

const DONE = Buffer.from("1400000003000200000000006300000000000000", "hex");

/** An answer of the kernel to a list request: header, then inet_diag_msg without attributes. */
function connection(family: number, local: string, remote: string, ports = "c3500050"): Buffer {
  const padded = (address: string) => address.padEnd(32, "0");
  const id = `${ports}${padded(local)}${padded(remote)}000000000102030405060708`;
  const header = "58000000140002000000000063000000";
  return Buffer.from(`${header}${family.toString(16).padStart(2, "0")}010000${id}${"00".repeat(20)}`, "hex");
}

describe("what the kernel lists", () => {
  it("is parsed over several messages to its end", () => {
    const first = connection(AF_INET, "a9fe0015", "08080808");
    const second = connection(AF_INET6, "fe800000000000000000000000000001", "20010db8000000000000000000000001");
    const answer = parseAnswer(Buffer.concat([first, second, DONE]));
    expect(answer).toMatchObject({ done: true, error: 0 });
    expect(answer.connections.map(({ family, localPort }) => [family, localPort])).toEqual([
      [AF_INET, 50_000],
      [AF_INET6, 50_000],
    ]);
    expect(answer.connections[0]?.remote).toEqual(Buffer.from([8, 8, 8, 8]));
    expect(answer.connections[1]?.local.toString("hex")).toBe("fe800000000000000000000000000001");
  });

  it("may go on in the next answer", () => {
    expect(parseAnswer(connection(AF_INET, "a9fe0015", "08080808"))).toMatchObject({ done: false });
  });

  it("may be an error", () => {
    const refusal = Buffer.from(`24000000020000000000000063000000feffffff${"00".repeat(16)}`, "hex");
    expect(parseAnswer(refusal)).toEqual({ connections: [], done: true, error: 2 });
    const missing = Buffer.from("14000000030002000000000063000000feffffff", "hex");
    expect(parseAnswer(missing)).toEqual({ connections: [], done: true, error: 2 });
  });
});

describe("what is asked of the kernel", () => {
  it("is the list of one family", () => {
    const message = listRequest(AF_INET6, "connected");
    expect(message).toHaveLength(72);
    expect(message.subarray(0, 24).toString("hex")).toBe("480000001400010300000000000000000a06000036010000");
  });

  it("is to end exactly the connection that it named, by its cookie too", () => {
    const [found] = parseAnswer(connection(AF_INET, "a9fe0015", "08080808")).connections;
    const message = destroyRequest(found!);
    expect(message).toHaveLength(72);
    expect(message.readUInt16LE(4)).toBe(21);
    expect(message.subarray(24).toString("hex")).toBe(
      `c3500050${"a9fe0015".padEnd(32, "0")}${"08080808".padEnd(32, "0")}000000000102030405060708`,
    );
  });
});

describe("a connection", () => {
  const mapped = (address: string) => `00000000000000000000ffff${address}`;
  const LOOPBACK6 = "00000000000000000000000000000001";

  it.each([
    ["to another machine", "a9fe0015", "08080808", false],
    ["from the host", "a9fe0015", "a9fe0016", false],
    ["to another machine in an IPv6 socket", mapped("a9fe0015"), mapped("08080808"), false],
    ["to another machine over IPv6", "fe800000000000000000000000000001", "20010db8000000000000000000000001", false],
    ["on loopback", "7f000001", "7f000001", true],
    ["between loopback addresses", "7f000001", "7f000101", true],
    ["on loopback in an IPv6 socket", mapped("7f000001"), mapped("7f000101"), true],
    ["on IPv6 loopback", LOOPBACK6, LOOPBACK6, true],
    ["of the machine to its own address", "a9fe0015", "a9fe0015", true],
  ])("%s is within the machine or not", (_what, local, remote, expected) => {
    const family = local.length === 8 ? AF_INET : AF_INET6;
    const [found] = parseAnswer(connection(family, local, remote)).connections as [Connection];
    expect(isWithinMachine(found)).toBe(expected);
  });
});
