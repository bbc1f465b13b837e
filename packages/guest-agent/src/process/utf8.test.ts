import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
import { incompleteTail, orphanedHead, WholeCharacters } from "./utf8.ts";

const TEXT = "a é € 🐦 ";

describe("the ends of a piece of text", () => {
  it("are found wherever it is cut", () => {
    const bytes = Buffer.from(TEXT.repeat(3));
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const [head, tail] = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const whole = head.subarray(0, head.length - incompleteTail(head)).toString();
      expect(whole).not.toContain("\ufffd");
      expect(TEXT.repeat(3).startsWith(whole)).toBe(true);
      expect(tail.subarray(orphanedHead(tail)).toString()).not.toContain("\ufffd");
    }
  });

  it.each([[[]], [[0xff]], [[0x80, 0x80, 0x80, 0x80]], [[0xf8, 0x80]], [[0xc3, 0x41]]])(
    "hold nothing back of what is not UTF-8: %j",
    (bytes) => {
      expect(incompleteTail(Uint8Array.from(bytes))).toBe(0);
    },
  );
});

describe("WholeCharacters", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it(
    "never splits a character, and loses nothing",
    fuzz(20, (random) => {
      const bytes = Buffer.from(TEXT.repeat(50));
      const pieces: Buffer[] = [];
      const characters = new WholeCharacters((piece) => pieces.push(Buffer.from(piece)));
      for (let at = 0; at < bytes.length; ) {
        const next = at + 1 + random.below(7);
        characters.push(bytes.subarray(at, next));
        at = next;
      }
      for (const piece of pieces) expect(piece.toString()).not.toContain("\ufffd");
      expect(Buffer.concat(pieces)).toEqual(bytes);
    }),
  );

  it("lets half a character pass when its rest does not come", () => {
    const pieces: number[][] = [];
    const characters = new WholeCharacters((piece) => pieces.push([...piece]));
    characters.push(Uint8Array.of(0x41, 0xe2, 0x82));
    expect(pieces).toEqual([[0x41]]);
    vi.runAllTimers();
    characters.push(Uint8Array.of(0xc3));
    characters.flush();
    expect(pieces).toEqual([[0x41], [0xe2, 0x82], [0xc3]]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
