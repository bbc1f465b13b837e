/**
 * Which pages of a private mapping its process has changed. The kernel knows: a changed page is the process's own copy,
 * any other one is still the file's. The content plays no part: a page that was written with what it held is changed.
 */
import { open } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { fromProcess } from "./mapping.ts";
import { PAGE_BYTES, type PageRun } from "./pages.ts";

/** bytes of /proc/PID/pagemap about one page */
const ENTRY_BYTES = 8;
/** bytes of /proc/PID/pagemap read at once; they tell of 128 MiB */
const CHUNK_BYTES = 256 * 1024;

// The upper half of an entry; the lower half is the place of the page, hidden from processes without privileges.
const PRESENT = 1 << 31;
const SWAPPED = 1 << 30;
/** the file's page, or shared memory */
const FILE = 1 << 29;

/** The changed pages of `bytes` from `address` on, as ascending runs of offsets from there. @throws vmm_failed when the process ends meanwhile */
export async function changedPages(
  pid: number,
  address: number,
  bytes: number,
  signal?: AbortSignal,
): Promise<PageRun[]> {
  const runs = new RunList();
  const chunk = Buffer.alloc(CHUNK_BYTES);
  await using pagemap = await fromProcess(pid, open(`/proc/${pid}/pagemap`, "r"));
  for (let offset = 0; offset < bytes; ) {
    signal?.throwIfAborted();
    const wanted = Math.min(CHUNK_BYTES, ((bytes - offset) / PAGE_BYTES) * ENTRY_BYTES);
    const { bytesRead } = await pagemap.read(chunk, 0, wanted, ((address + offset) / PAGE_BYTES) * ENTRY_BYTES);
    const pages = Math.floor(bytesRead / ENTRY_BYTES);
    if (pages === 0) throw new WrennError("vmm_failed", `the VMM process ${pid} ended while its memory was read`);
    addChanged(runs, chunk, pages, offset);
    offset += pages * PAGE_BYTES;
  }
  return runs.finish();
}

function addChanged(runs: RunList, chunk: Buffer, pages: number, offset: number): void {
  const words = new Int32Array(chunk.buffer, chunk.byteOffset, pages * 2);
  for (let page = 0; page < pages; page++) {
    const flags = words[2 * page + 1] ?? 0;
    if ((flags & (PRESENT | SWAPPED)) !== 0 && (flags & FILE) === 0) runs.add(offset + page * PAGE_BYTES);
  }
}

/** Joins pages that come in ascending order. */
class RunList {
  readonly #runs: PageRun[] = [];
  #start = 0;
  #end = 0;

  add(offset: number): void {
    if (offset !== this.#end) {
      this.#close();
      this.#start = offset;
    }
    this.#end = offset + PAGE_BYTES;
  }

  finish(): PageRun[] {
    this.#close();
    return this.#runs;
  }

  #close(): void {
    if (this.#end > this.#start) this.#runs.push({ offset: this.#start, length: this.#end - this.#start });
  }
}
