import { describe, expect, it } from "vitest";
import { decodeSingleMessage, encodeEnd, encodeMessage } from "./envelope.ts";

describe("envelopes", () => {
  it("puts flags and a big-endian length before the message", () => {
    expect([...encodeMessage(Uint8Array.of(7, 8))]).toEqual([0, 0, 0, 0, 2, 7, 8]);
  });

  it("ends a stream with JSON", () => {
    expect(encodeEnd().subarray(5).toString()).toBe("{}");
    expect(encodeEnd()[0]).toBe(2);
    expect(JSON.parse(encodeEnd({ code: "internal" }).subarray(5).toString())).toEqual({ error: { code: "internal" } });
  });

  it("reads back what it wrote, the empty message too", () => {
    const message = Buffer.from("message");
    expect(decodeSingleMessage(encodeMessage(message))).toEqual(message);
    expect(decodeSingleMessage(encodeMessage(Buffer.alloc(0)))).toHaveLength(0);
  });

  it.each([
    ["nothing", []],
    ["half a header", [0, 0, 0]],
    ["a message cut short", [0, 0, 0, 0, 3, 1]],
    ["two messages", [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]],
    ["a length of 4 GiB", [0, 255, 255, 255, 255, 1]],
    ["unknown flags", [4, 0, 0, 0, 1, 1]],
  ])("refuses %s", (_what, bytes) => {
    expect(() => decodeSingleMessage(Buffer.from(bytes))).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });

  it("says that compression is not supported", () => {
    expect(() => decodeSingleMessage(Buffer.from([1, 0, 0, 0, 1, 1]))).toThrow(
      expect.objectContaining({ code: "not_implemented" }),
    );
  });

  it("survives any bytes", () => {
    let seed = 42;
    const random = () => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff);
    for (let round = 0; round < 2000; round += 1) {
      const bytes = Buffer.from(Array.from({ length: random() % 12 }, () => random() % 6));
      try {
        expect(encodeMessage(decodeSingleMessage(bytes))).toEqual(bytes);
      } catch (error) {
        expect(error).toHaveProperty("code");
      }
    }
  });
});
