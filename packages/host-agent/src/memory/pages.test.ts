import { describe, expect, it } from "vitest";
import { isZero, PAGE_BYTES, PIECE_BYTES, pieces } from "./pages.ts";

describe("pieces of runs", () => {
  it("are of at most 1 MiB and hold every byte once, in order", () => {
    const runs = [
      { offset: 0, length: PAGE_BYTES },
      { offset: 2 * PAGE_BYTES, length: 3 * PIECE_BYTES },
      { offset: 5 * 1024 ** 3, length: PAGE_BYTES },
    ];
    const cut = [...pieces(runs)];
    expect(cut.map((piece) => piece.reduce((sum, { length }) => sum + length, 0))).toEqual([
      PIECE_BYTES,
      PIECE_BYTES,
      PIECE_BYTES,
      2 * PAGE_BYTES,
    ]);
    const pageOffsets = (list: typeof runs): number[] =>
      list.flatMap(({ offset, length }) =>
        Array.from({ length: length / PAGE_BYTES }, (_, page) => offset + page * PAGE_BYTES),
      );
    expect(pageOffsets(cut.flat())).toEqual(pageOffsets(runs));
  });

  it("are none for nothing", () => {
    expect([...pieces([])]).toEqual([]);
  });
});

describe("a zero page", () => {
  it("is told from one with a single bit set at its start or its end, and its neighbours do not count", () => {
    const buffer = Buffer.alloc(3 * PAGE_BYTES, 1).fill(0, PAGE_BYTES, 2 * PAGE_BYTES);
    const zero = (): boolean => isZero(buffer, PAGE_BYTES, 2 * PAGE_BYTES);
    expect(zero()).toBe(true);
    for (const at of [PAGE_BYTES, 2 * PAGE_BYTES - 1]) {
      buffer[at] = 1;
      expect(zero()).toBe(false);
      buffer[at] = 0;
    }
  });
});
