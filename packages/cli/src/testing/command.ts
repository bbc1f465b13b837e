/** The command in this process, with its streams in the test's hands. */
import type { Readable } from "node:stream";
import { vi } from "vitest";
import { runProgram } from "../program.ts";

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** As `Output`, and every byte of stdout. */
export interface BinaryOutput extends Output {
  readonly bytes: Buffer;
}

/** Runs one command line against the server that the environment names. */
export async function runCommand(args: readonly string[], stdin?: Readable): Promise<Output> {
  const { bytes: _bytes, ...output } = await runBinary(args, stdin);
  return output;
}

export async function runBinary(args: readonly string[], stdin?: Readable): Promise<BinaryOutput> {
  const stdout = capture(process.stdout);
  const stderr = capture(process.stderr);
  const input = stdin === undefined ? undefined : vi.spyOn(process, "stdin", "get").mockReturnValue(stdin as never);
  const { exitCode } = process;
  process.exitCode = 0;
  try {
    await runProgram(args);
    const bytes = stdout.bytes();
    return { code: process.exitCode, bytes, stdout: bytes.toString("utf8"), stderr: stderr.bytes().toString("utf8") };
  } finally {
    process.exitCode = exitCode;
    input?.mockRestore();
    stdout.end();
    stderr.end();
  }
}

function capture(stream: NodeJS.WriteStream): { bytes(): Buffer; end(): void } {
  const write = vi.spyOn(stream, "write").mockReturnValue(true);
  const bytes = () => Buffer.concat(write.mock.calls.map(([piece]) => Buffer.from(piece as Buffer)));
  return { bytes, end: () => write.mockRestore() };
}
