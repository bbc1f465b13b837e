/** The unit of guest memory, and how much of it is moved at once. */

/** bytes of a page on x86-64, the only architecture that hosts have */
export const PAGE_BYTES = 4096;

/** bytes that are read, checked and written in one step: large enough to make system calls cheap, small enough not to hold up the event loop */
export const PIECE_BYTES = 1024 * 1024;

/** Neighbouring pages of a guest's memory or of a file. Both numbers are bytes and multiples of PAGE_BYTES, but at the end of a file. */
export interface PageRun {
  readonly offset: number;
  readonly length: number;
}

/** Bytes and the place where they belong. */
export interface Placed {
  readonly offset: number;
  readonly bytes: Buffer;
}

const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

/** Whether the bytes from `start` to `end`, at most a page, are all zero. */
export function isZero(buffer: Buffer, start: number, end: number): boolean {
  return buffer.compare(ZERO_PAGE, 0, end - start, start, end) === 0;
}

/** Cuts runs into groups of at most PIECE_BYTES, in order. */
export function* pieces(runs: Iterable<PageRun>): Generator<PageRun[]> {
  let piece: PageRun[] = [];
  let room = PIECE_BYTES;
  for (const run of runs) {
    for (let done = 0; done < run.length; ) {
      const length = Math.min(run.length - done, room);
      piece.push({ offset: run.offset + done, length });
      done += length;
      room -= length;
      if (room > 0) continue;
      yield piece;
      piece = [];
      room = PIECE_BYTES;
    }
  }
  if (piece.length > 0) yield piece;
}
