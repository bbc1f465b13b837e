/** What Node cannot ask or tell a file system about sparse files. */
import { stat } from "node:fs/promises";
import koffi from "koffi";
import { PAGE_BYTES, type PageRun } from "./pages.ts";

const libc = koffi.load("libc.so.6");
const callLseek = libc.func("int64_t lseek(int fd, int64_t offset, int whence)");
const callFallocate = libc.func("int fallocate(int fd, int mode, int64_t offset, int64_t length)");

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;

/** An error like those of node:fs, so that a full disk is told apart the same way. */
function failure(syscall: string): NodeJS.ErrnoException {
  const errno = koffi.errno();
  const code = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  return Object.assign(new Error(`${code}: ${syscall}`), { code, errno: -errno, syscall });
}

export interface Segment {
  /** first byte */
  readonly start: number;
  /** first byte behind it */
  readonly end: number;
}

/** The first stretch of a file at or behind `offset` that is not a hole. A file system without holes has only data. */
export function nextData(fd: number, offset: number): Segment | undefined {
  const start = Number(callLseek(fd, offset, SEEK_DATA));
  if (start < 0) {
    // There is no data from here to the end of the file.
    if (koffi.errno() === koffi.os.errno["ENXIO"]) return undefined;
    throw failure("lseek");
  }
  const end = Number(callLseek(fd, start, SEEK_HOLE));
  if (end < 0) throw failure("lseek");
  return { start, end };
}

/** The pages of a file that hold data, ascending; only at the end of the file a part of a page. */
export function* dataRuns(fd: number, size: number): Generator<PageRun> {
  for (let offset = 0; offset < size; ) {
    const segment = nextData(fd, offset);
    if (segment === undefined) return;
    // On a file system with smaller blocks a page may be data in part.
    const start = segment.start - (segment.start % PAGE_BYTES);
    const end = Math.min(Math.ceil(segment.end / PAGE_BYTES) * PAGE_BYTES, size);
    offset = Math.max(offset, start);
    yield { offset, length: end - offset };
    offset = end;
  }
}

/** Frees the blocks of a range, which reads as zeros from then on; the file keeps its size. */
export function punchHole(fd: number, offset: number, length: number): void {
  if (callFallocate(fd, PUNCH_HOLE | KEEP_SIZE, offset, length) < 0) throw failure("fallocate");
}

/** Bytes of disk space that a file takes, which for a sparse file are fewer than its size. */
export async function allocatedBytes(path: string): Promise<number> {
  // st_blocks counts units of 512 bytes, whatever the block size of the file system.
  return (await stat(path)).blocks * 512;
}

/** Tells which pages of a file hold data, asked in ascending order. */
export class DataPages {
  readonly #fd: number;
  #segment: Segment | undefined = { start: 0, end: 0 };

  constructor(fd: number) {
    this.#fd = fd;
  }

  has(offset: number): boolean {
    if (this.#segment !== undefined && this.#segment.end <= offset) this.#segment = nextData(this.#fd, offset);
    return this.#segment !== undefined && this.#segment.start < offset + PAGE_BYTES;
  }
}
