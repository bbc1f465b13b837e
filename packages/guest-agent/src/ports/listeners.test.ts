import { createServer, type Server } from "node:net";
import { describe, expect, it } from "vitest";
import { addressText, type Listener, listListeners, unreachablePorts } from "./listeners.ts";

const OUTSIDE = "169.254.0.21";
const listener = (address: string, v6Only = false): Listener => ({ port: 80, address, inode: 1, v6Only });

describe("an address", () => {
  it.each([
    ["7f000001", "127.0.0.1"],
    ["00000000", "0.0.0.0"],
    ["00000000000000000000ffff7f000001", "127.0.0.1"],
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000000000001", "::1"],
    ["fe800000000000000000000000000001", "fe80::1"],
    ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
    ["20010db8000000010001000100010000", "2001:db8:0:1:1:1:1:0"],
    ["20010db8000000000000000000000000", "2001:db8::"],
    ["00000001000000000000000000000002", "0:1::2"],
    ["10000000000000000010000000000000", "1000::10:0:0:0"],
  ])("%s is written as %s", (bytes, text) => {
    expect(addressText(Buffer.from(bytes, "hex"))).toBe(text);
  });

  it("is read again as the same by the URL parser, whatever it is", () => {
    const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 1_000_000);
    let state = seed;
    const random = (below: number) => (state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff) % below;
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(Array.from({ length: 16 }, () => (random(3) === 0 ? random(256) : 0)));
      const text = addressText(bytes);
      if (text.includes(".")) continue;
      expect(new URL(`http://[${text}]`).hostname, `seed ${seed}`).toBe(`[${text}]`);
    }
  });
});

describe("a port is forwarded", () => {
  it.each([
    ["when it is on loopback only", [listener("127.0.0.1")], "127.0.0.1"],
    ["to another address of loopback", [listener("127.0.0.53")], "127.0.0.53"],
    ["to IPv6", [listener("::1")], "::1"],
    ["to IPv4 when it is on both", [listener("127.0.0.1"), listener("::1")], "127.0.0.1"],
    ["when all addresses are IPv6's alone", [listener("::", true)], "::1"],
  ])("%s", (_what, listeners, target) => {
    expect([...unreachablePorts(listeners, OUTSIDE)]).toEqual([[80, target]]);
  });

  it.each([
    ["when it is on all addresses", [listener("0.0.0.0")]],
    ["when IPv6 takes IPv4 as well", [listener("::")]],
    ["when it is on the address that the outside knows", [listener("127.0.0.1"), listener(OUTSIDE)]],
    ["when somebody else is there already", [listener("127.0.0.1"), listener("0.0.0.0")]],
    ["when it is on another network's address", [listener("172.17.0.1"), listener("fe80::1")]],
  ])("not %s", (_what, listeners) => {
    expect([...unreachablePorts(listeners, OUTSIDE)]).toEqual([]);
  });
});

describe("the kernel's list", () => {
  const listen = async (host: string, ipv6Only = false): Promise<{ server: Server; port: number }> => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host, port: 0, ipv6Only }, resolve));
    return { server, port: (server.address() as { port: number }).port };
  };

  it("has each listener with its address, and none that was closed", async () => {
    const opened = [
      { address: "127.0.0.1", ...(await listen("127.0.0.1")) },
      { address: "0.0.0.0", ...(await listen("0.0.0.0")) },
      { address: "::", ...(await listen("::")) },
    ];
    const found = () => opened.map(({ port }) => listListeners().find((one) => one.port === port));
    expect(found().map((one) => one?.address)).toEqual(opened.map(({ address }) => address));
    expect(found().every((one) => (one?.inode ?? 0) > 0 && !one?.v6Only)).toBe(true);
    for (const { server } of opened) server.close();
    expect(found()).toEqual([undefined, undefined, undefined]);
  });

  it("tells IPv6 alone from both", async () => {
    const { server, port } = await listen("::", true);
    expect(listListeners().find((one) => one.port === port)).toMatchObject({ address: "::", v6Only: true });
    server.close();
  });
});
