/** Reads runs of pages piece by piece, the next piece while the consumer works on the one before. */
import { type PageRun, PIECE_BYTES, type Placed, pieces } from "./pages.ts";

export interface Piece {
  /** all runs of the piece, one behind the other; valid until the next piece is asked for */
  readonly bytes: Buffer;
  /** the same bytes, each run with its offset */
  readonly parts: readonly Placed[];
}

/** `read` fills `bytes` with what is at `offset`; the runs of a piece are read at the same time. */
export async function* readAhead(
  runs: Iterable<PageRun>,
  read: (offset: number, bytes: Buffer) => Promise<unknown>,
  signal?: AbortSignal,
): AsyncGenerator<Piece> {
  const buffers = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)] as const;
  let turn = 0;
  const start = (piece: readonly PageRun[]): Promise<Piece> => {
    const buffer = buffers[turn++ % 2 === 0 ? 0 : 1];
    const { parts, length } = layOut(piece, buffer);
    const reading = Promise.all(parts.map(({ offset, bytes }) => read(offset, bytes)));
    return reading.then(() => ({ bytes: buffer.subarray(0, length), parts }));
  };
  let next: Promise<Piece> | undefined;
  for (const piece of pieces(runs)) {
    signal?.throwIfAborted();
    const ready = await next;
    next = start(piece);
    // The consumer may stop before it is awaited.
    next.catch(() => {});
    if (ready !== undefined) yield ready;
  }
  const last = await next;
  if (last !== undefined) yield last;
}

function layOut(piece: readonly PageRun[], buffer: Buffer): { parts: Placed[]; length: number } {
  let end = 0;
  const parts = piece.map(({ offset, length }) => {
    const start = end;
    end += length;
    return { offset, bytes: buffer.subarray(start, end) };
  });
  return { parts, length: end };
}
