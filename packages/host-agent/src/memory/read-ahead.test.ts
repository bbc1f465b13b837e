import { describe, expect, it } from "vitest";
import { PAGE_BYTES, PIECE_BYTES } from "./pages.ts";
import { readAhead } from "./read-ahead.ts";

const RUNS = [
  { offset: 10 * PAGE_BYTES, length: PAGE_BYTES },
  { offset: 6 * 1024 ** 3, length: 2 * PIECE_BYTES },
];

describe("reading ahead", () => {
  it("hands out all runs in order, in pieces that stay as they are while the next one is read", async () => {
    const seen: number[] = [];
    const read = async (offset: number, bytes: Buffer): Promise<void> => void bytes.fill((offset / PAGE_BYTES) & 0xff);
    for await (const { bytes, parts } of readAhead(RUNS, read)) {
      await new Promise(setImmediate);
      expect(Buffer.concat(parts.map((part) => part.bytes)).equals(bytes)).toBe(true);
      for (const part of parts) {
        expect(part.bytes.every((byte) => byte === ((part.offset / PAGE_BYTES) & 0xff))).toBe(true);
        seen.push(part.offset, part.bytes.length);
      }
    }
    const [first, second] = RUNS.map(({ offset }) => offset);
    const rest = PIECE_BYTES - PAGE_BYTES;
    expect(seen).toEqual([
      ...[first, PAGE_BYTES, second, rest],
      ...[second && second + rest, PIECE_BYTES],
      ...[second && second + rest + PIECE_BYTES, PAGE_BYTES],
    ]);
  });

  it("hands out nothing for nothing", async () => {
    const read = (): Promise<void> => Promise.reject(new Error("must not be called"));
    for await (const piece of readAhead([], read)) expect.unreachable(`there is a piece of ${piece.bytes.length}`);
  });

  it("fails with the error of a read, after what was read before it", async () => {
    let reads = 0;
    const read = async (): Promise<void> => {
      reads += 1;
      if (reads > 2) throw new Error("damaged");
    };
    let pieces = 0;
    const consume = async (): Promise<void> => {
      for await (const _piece of readAhead(RUNS, read)) pieces += 1;
    };
    await expect(consume()).rejects.toThrow("damaged");
    expect(pieces).toBe(1);
  });

  it("lets the consumer stop while a read fails that it no longer needs", async () => {
    let reads = 0;
    const read = async (): Promise<void> => {
      reads += 1;
      if (reads > 2) throw new Error("nobody asks");
    };
    for await (const { parts } of readAhead(RUNS, read)) {
      expect(parts.length).toBe(2);
      break;
    }
    // A rejection that nobody handles would fail the run by now.
    await new Promise(setImmediate);
  });
});
