import { WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
import { decodeSingleMessage, EnvelopeReader, encodeEnd, encodeMessage } from "./envelope.ts";

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

describe("envelopes in pieces", () => {
  function read(pieces: readonly Buffer[], maxBytes = 1000): Buffer[] {
    const reader = new EnvelopeReader(maxBytes);
    const messages = pieces.flatMap((piece) => [...reader.read(piece)]);
    reader.end();
    return messages.map((message) => Buffer.from(message));
  }

  it(
    "are the same however they are cut",
    fuzz(200, (random) => {
      const messages = Array.from({ length: random.below(6) }, () => random.bytes(random.below(random.pick([2, 300]))));
      const body = Buffer.concat(messages.map(encodeMessage));
      const pieces: Buffer[] = [];
      for (let at = 0; at < body.length; ) {
        const length = random.below(random.pick([2, 9, 500]));
        pieces.push(body.subarray(at, at + length));
        at += length;
      }
      expect(read(pieces)).toEqual(messages);
      if (body.length > 0) expect(() => read([body.subarray(0, body.length - 1)])).toThrow("ends inside");
    }),
  );

  it(
    "of any bytes end in messages or in an error of ours",
    fuzz(500, (random) => {
      const pieces = Array.from({ length: random.below(6) }, () =>
        Buffer.from(Array.from({ length: random.below(12) }, () => random.pick([0, 0, 0, 0, 1, 2, 3, 255]))),
      );
      try {
        const messages = read(pieces);
        expect(Buffer.concat(messages.map(encodeMessage))).toEqual(Buffer.concat(pieces));
      } catch (error) {
        expect(error).toBeInstanceOf(WrennError);
      }
    }),
  );

  it("are refused by their length alone", () => {
    const reader = new EnvelopeReader(1000);
    expect(() => [...reader.read(Buffer.from([0, 0, 0, 4, 0]))]).toThrow("larger than 1000");
  });
});
