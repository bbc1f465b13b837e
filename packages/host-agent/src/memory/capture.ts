/** Saves what a guest changed of its memory since it was mapped from its base. */
import { open, stat } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { DiffTarget } from "./diff-format.ts";
import { DiffWriter } from "./diff-writer.ts";
import type { GuestMemory } from "./mapping.ts";
import { isZero, PAGE_BYTES } from "./pages.ts";
import { type Piece, readAhead } from "./read-ahead.ts";
import { DataPages } from "./sparse.ts";
import { VmmMemory } from "./vmm-memory.ts";

export interface CaptureOptions extends GuestMemory, DiffTarget {
  /** path of the diff; there must be no such file */
  readonly target: string;
  /** false leaves it to the caller to bring the file to disk */
  readonly sync?: boolean;
  readonly signal?: AbortSignal;
}

export interface Captured {
  /** bytes of the pages that the guest changed: all of the three below */
  readonly dirtyBytes: number;
  /** bytes of the pages that are stored */
  readonly dataBytes: number;
  /** bytes of the pages that are zero where the base is not: recorded, not stored */
  readonly zeroBytes: number;
  /** bytes of the pages that are zero where the base has a hole: neither recorded nor stored */
  readonly droppedBytes: number;
  /** milliseconds that it took to find the changed pages */
  readonly scanMs: number;
}

type Fate = "data" | "zero" | "dropped";

/**
 * Writes the changed pages of a stopped guest as a diff of its base. The guest and the base stay as they are.
 * @throws vmm_failed when the process ends or does not map the base; errors of the file system unchanged, ENOSPC among them.
 * After any failure there is no `target`.
 */
export async function captureDiff(options: CaptureOptions): Promise<Captured> {
  const { memoryPath, memoryBytes, target, sync = true, signal } = options;
  const { size } = await stat(memoryPath);
  if (size !== memoryBytes) {
    throw new WrennError("snapshot_corrupt", `the base ${memoryPath} has ${size} bytes instead of ${memoryBytes}`);
  }
  await using memory = await VmmMemory.open(options, "r");
  await using base = await open(memoryPath, "r");
  const started = performance.now();
  const runs = await memory.changedPages(signal);
  const scanMs = performance.now() - started;

  const baseData = new DataPages(base.fd);
  const bytes = { data: 0, zero: 0, dropped: 0 };
  await DiffWriter.write(target, options, sync, async (writer) => {
    for await (const piece of readAhead(runs, (offset, page) => memory.read(offset, page), signal)) {
      const packed = packPages(piece, (offset, zero) => {
        const fate: Fate = !zero ? "data" : baseData.has(offset) ? "zero" : "dropped";
        bytes[fate] += PAGE_BYTES;
        if (fate !== "dropped") writer.addPage(offset, fate);
      });
      await writer.append(packed);
    }
  });
  const dirtyBytes = bytes.data + bytes.zero + bytes.dropped;
  return { dirtyBytes, dataBytes: bytes.data, zeroBytes: bytes.zero, droppedBytes: bytes.dropped, scanMs };
}

/** Closes the gaps that zero pages leave, reports each page, and returns the data that is left. */
function packPages({ bytes, parts }: Piece, report: (offset: number, zero: boolean) => void): Buffer {
  let from = 0;
  let to = 0;
  for (const part of parts) {
    for (let done = 0; done < part.bytes.length; done += PAGE_BYTES, from += PAGE_BYTES) {
      const zero = isZero(bytes, from, from + PAGE_BYTES);
      report(part.offset + done, zero);
      if (zero) continue;
      if (to < from) bytes.copyWithin(to, from, from + PAGE_BYTES);
      to += PAGE_BYTES;
    }
  }
  return bytes.subarray(0, to);
}
