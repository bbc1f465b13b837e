/** The size of a terminal as a request gives it. */
import { WrennError } from "@wrenn/protocol/errors";
import type { PTY_Size } from "@wrenn/protocol/gen/process_pb";
import type { TerminalSize } from "../system/terminal.ts";

const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
/** The kernel keeps 16 bits of each. */
const MAX = 0xffff;

/** What is absent or 0 is that of a terminal of old. @throws invalid_request */
export function terminalSize(size: Pick<PTY_Size, "cols" | "rows"> | undefined): TerminalSize {
  const cols = size?.cols || DEFAULT_SIZE.cols;
  const rows = size?.rows || DEFAULT_SIZE.rows;
  if (cols > MAX || rows > MAX) {
    throw new WrennError("invalid_request", `a terminal of ${cols} columns and ${rows} rows is larger than ${MAX}`);
  }
  return { cols, rows };
}
