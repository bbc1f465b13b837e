import { describe, expect, it } from "vitest";
import { Random } from "../../testing/random.ts";
import { Utf8Stream } from "./utf8.ts";

function decode(pieces: Iterable<Uint8Array>): string[] {
  const stream = new Utf8Stream();
  const texts = [...pieces].map((piece) => stream.write(piece));
  return [...texts, stream.end()];
}

const oneByOne = (bytes: Uint8Array) => Array.from(bytes, (byte) => Uint8Array.of(byte));

describe("text in pieces", () => {
  it.each(["", "plain", "é", "€", "😀", "naïve 日本語 😀 text"])("%j is the same however it is split", (text) => {
    expect(decode(oneByOne(Buffer.from(text))).join("")).toBe(text);
  });

  it("comes as soon as its characters are whole, and never half", () => {
    expect(decode(oneByOne(Buffer.from("a€😀")))).toEqual(["a", "", "", "€", "", "", "", "😀", ""]);
  });

  it("keeps a byte order mark, also in the middle", () => {
    expect(decode([Buffer.from("\ufeffa"), Buffer.from("\ufeffb")]).join("")).toBe("\ufeffa\ufeffb");
  });

  it.each([
    ["a byte that begins nothing", [0xff, 0x61], "\ufffda"],
    ["a lone continuation", [0x80, 0x61], "\ufffda"],
    ["a character that breaks off", [0xe2, 0x82, 0x61], "\ufffda"],
    ["a character that ends with the output", [0x61, 0xf0, 0x9f, 0x98], "a\ufffd"],
    ["an overlong form", [0xc0, 0xaf], "\ufffd\ufffd"],
    ["half a surrogate pair", [0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
  ])("%s is replaced once, and nothing else is", (_what, bytes, text) => {
    expect(decode(oneByOne(Uint8Array.from(bytes))).join("")).toBe(text);
    expect(decode([Uint8Array.from(bytes)]).join("")).toBe(text);
  });

  it("says how many bytes wait", () => {
    const stream = new Utf8Stream();
    expect([stream.write(Buffer.from("a")), stream.held]).toEqual(["a", 0]);
    expect([stream.write(Buffer.from("😀").subarray(0, 3)), stream.held]).toEqual(["", 3]);
    expect([stream.write(Buffer.from("b")), stream.held]).toEqual(["\ufffdb", 0]);
  });

  it("is what the whole of the bytes is, for any bytes in any pieces", () => {
    const random = new Random();
    const parts = ["a", "é", "€", "😀", "\ufeff", "\0"].map((text) => Buffer.from(text));
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.concat(
        Array.from({ length: random.below(12) }, () => (random.below(3) > 0 ? random.pick(parts) : random.bytes(2))),
      );
      const texts = decode(random.split(bytes, 5));
      expect(texts.join(""), `seed ${random.seed}, ${bytes.toString("hex")}`).toBe(bytes.toString());
    }
  });
});
