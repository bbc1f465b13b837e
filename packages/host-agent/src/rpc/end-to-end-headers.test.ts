import { describe, expect, it } from "vitest";
import { endToEndHeaders } from "./end-to-end-headers.ts";

describe("a proxy passes on", () => {
  it("all headers in their order, also those that come twice", () => {
    const raw = [
      "Set-Cookie",
      "a=1",
      "X-Other",
      "",
      "set-cookie",
      "b=2",
      "Content-Length",
      "5",
      "Expect",
      "100-continue",
    ];
    expect(endToEndHeaders(raw)).toEqual(raw);
  });

  it("none that are about one connection", () => {
    const raw = ["Connection", "close", "TE", "trailers", "Transfer-Encoding", "chunked", "Upgrade", "h2c", "A", "1"];
    expect(endToEndHeaders([...raw, "Keep-Alive", "timeout=5", "Proxy-Connection", "x", "Trailer", "A"])).toEqual([
      "A",
      "1",
    ]);
  });

  it("none that a connection declares its own, but always what the body is", () => {
    const raw = [
      "connection",
      "X-Secret , keep-alive,Content-Length",
      "x-secret",
      "1",
      "content-length",
      "3",
      "b",
      "2",
    ];
    expect(endToEndHeaders(raw)).toEqual(["content-length", "3", "b", "2"]);
  });

  it("none that is to be left out, however it is written", () => {
    expect(endToEndHeaders(["X-Access-Token", "1", "hOsT", "2", "b", "3"], ["host", "x-access-token"])).toEqual([
      "b",
      "3",
    ]);
  });
});

it("never passes on a header of the connection, whatever the message", () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 1_000_000);
  let state = seed;
  const random = (below: number) => (state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff) % below;
  const names = ["Connection", "connection", "x", "Y", "TE", "Upgrade", "transfer-encoding", "", "Content-Length"];
  const values = ["", "x", "y, X", "close", "content-length", ",,", "té\u0000"];
  for (let round = 0; round < 2000; round++) {
    const raw = Array.from({ length: random(12) }, (_, index) =>
      index % 2 === 0 ? (names[random(names.length)] ?? "") : (values[random(values.length)] ?? ""),
    );
    const passed = endToEndHeaders(raw);
    const passedNames = passed.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(passed.length % 2, `seed ${seed}`).toBe(0);
    expect(
      passedNames.some((name) => ["connection", "te", "upgrade", "transfer-encoding"].includes(name)),
      `seed ${seed}`,
    ).toBe(false);
  }
});
