import { describe, expect, it } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
import { LOG_CAPACITY, OutputLog, type OutputStream } from "./output-log.ts";

/** All that the log keeps, in chunks of at most `maxBytes`. */
function readAll(log: OutputLog, maxBytes = LOG_CAPACITY) {
  const chunks = [];
  for (let position = log.oldest; ; ) {
    const chunk = log.read(position, maxBytes);
    if (chunk === undefined) return chunks;
    chunks.push({ ...chunk, bytes: Buffer.from(chunk.bytes) });
    position = chunk.end;
  }
}

function filled(stream: OutputStream, bytes: Buffer, pieceBytes: number): OutputLog {
  const log = new OutputLog();
  for (let at = 0; at < bytes.length; at += pieceBytes) log.append(stream, bytes.subarray(at, at + pieceBytes));
  return log;
}

describe("the log", () => {
  it("takes no memory before it is needed, and never more than its capacity", () => {
    const log = new OutputLog();
    expect(log.size).toBe(0);
    log.append("stdout", Buffer.from("x"));
    expect(log.size).toBe(1024);
    for (let count = 0; count < 100; count += 1) log.append("stdout", Buffer.alloc(32_768));
    expect(log.size).toBe(LOG_CAPACITY);
    expect([log.start, log.end]).toEqual([1 + 100 * 32_768 - LOG_CAPACITY, 1 + 100 * 32_768]);
  });

  it("keeps the order of the streams, and joins what is one", () => {
    const log = new OutputLog();
    for (const [stream, text] of [
      ["stdout", "a"],
      ["stdout", "b"],
      ["stderr", "c"],
      ["stdout", "d"],
    ] as const) {
      log.append(stream, Buffer.from(text));
    }
    expect(readAll(log).map(({ stream, bytes, end }) => [stream, bytes.toString(), end])).toEqual([
      ["stdout", "ab", 2],
      ["stderr", "c", 3],
      ["stdout", "d", 4],
    ]);
  });

  it(
    "is what a plain list would be, for any writes",
    fuzz(30, (random) => {
      const log = new OutputLog();
      const pieces: Buffer[] = [];
      for (let count = random.below(200); count > 0; count -= 1) {
        const piece = random.bytes(random.below(random.pick([2, 5, 6000])));
        // A byte is written to the stream that its lowest bit says.
        const stream = random.pick(["stdout", "stderr"] as const);
        for (let at = 0; at < piece.length; at += 1)
          piece[at] = ((piece[at] ?? 0) & 0xfe) | Number(stream === "stderr");
        log.append(stream, piece);
        pieces.push(piece);
      }
      const written = Buffer.concat(pieces);
      const chunks = readAll(log, 1 + random.below(9000));
      expect(log.end).toBe(written.length);
      expect(log.start).toBe(Math.max(0, written.length - LOG_CAPACITY));
      expect(Buffer.concat(chunks.map(({ bytes }) => bytes)).equals(written.subarray(log.start))).toBe(true);
      for (const { stream, bytes } of chunks) {
        expect(bytes.every((byte) => (byte & 1) === Number(stream === "stderr"))).toBe(true);
      }
    }),
  );

  it("of a process that changes streams at every byte stays small, and says in time that a reader is far behind", () => {
    const log = new OutputLog();
    let farAt = 0;
    for (let count = 0; count < 20_000; count += 1) {
      log.append(count % 2 === 0 ? "stdout" : "stderr", Uint8Array.of(count));
      if (farAt === 0 && log.isFarBehind(0)) farAt = log.end;
    }
    expect(readAll(log)).toHaveLength(4096);
    expect(farAt).toBeLessThan(4096);
    expect(log.isFarBehind(log.end - 100)).toBe(false);
  });
});

describe("the log of a terminal", () => {
  const text = Buffer.from("€".repeat(100_000));

  it("is cut between characters", () => {
    const chunks = readAll(filled("pty", text.subarray(0, 200_001), 10_000), 16_384);
    expect(chunks.length).toBeGreaterThan(10);
    for (const { bytes } of chunks) expect(bytes.length % 3).toBe(0);
  });

  it("begins with a whole character when the first one is not kept", () => {
    const log = filled("pty", text, 10_000);
    expect(log.start % 3).not.toBe(0);
    expect(log.oldest % 3).toBe(0);
    const read = Buffer.concat(readAll(log, 16_384).map(({ bytes }) => bytes));
    expect(read.equals(text.subarray(log.oldest))).toBe(true);
  });

  it("begins with a line or a control sequence, in the modes that came before", () => {
    const frame = `\x1b[H${"full screen ".repeat(50)}\x1b[31m${"red ".repeat(50)}`;
    const log = filled("pty", Buffer.from(`\x1b[?1049h\x1b[?25l${frame.repeat(500)}`), 10_000);
    expect(log.start).toBeGreaterThan(0);
    const read = Buffer.concat(readAll(log, 16_384).map(({ bytes }) => bytes)).toString();
    expect(["\x1b[H", "\x1b[3"]).toContain(read.slice(0, 3));
    expect(log.screen).toBe("\x1b[?1049h\x1b[?25l");
    const lines = filled("pty", Buffer.from("a line\r\n".repeat(100_000)), 999);
    expect(Buffer.concat(readAll(lines, 16_384).map(({ bytes }) => bytes)).toString()).toMatch(/^a line\r\n/);
    expect(lines.screen).toBe("");
  });

  it("passes on what is not UTF-8", () => {
    const bytes = Buffer.alloc(50, 0xf0);
    expect(Buffer.concat(readAll(filled("pty", bytes, 7), 3).map((chunk) => chunk.bytes))).toEqual(bytes);
  });
});
