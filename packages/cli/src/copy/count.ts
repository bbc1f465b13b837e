/** Counts the bytes that pass. */
import { WrennError } from "@wrenn/protocol/errors";
import type { CopyReport } from "./report.ts";

/**
 * @param size in bytes, when it is known: fewer are an error
 * @param toError what to throw for an error of the source
 */
export async function* counted(
  source: AsyncIterable<Buffer>,
  size: number | undefined,
  report: CopyReport,
  toError: (error: unknown) => WrennError,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const piece of source) {
      bytes += piece.length;
      report.advance(piece.length);
      yield piece;
    }
  } catch (error) {
    throw toError(error);
  }
  if (size !== undefined && bytes !== size) {
    throw new WrennError("invalid_request", `the file has ${bytes} bytes, and not ${size} as at the beginning`);
  }
}
