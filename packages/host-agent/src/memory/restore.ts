/** Puts what a guest had changed into a VMM that has mapped the base and does not run yet. */
import type { DiffTarget } from "./diff-format.ts";
import { DiffReader } from "./diff-reader.ts";
import type { GuestMemory } from "./mapping.ts";
import { PIECE_BYTES, pieces } from "./pages.ts";
import { VmmMemory } from "./vmm-memory.ts";

export interface ApplyOptions extends GuestMemory, DiffTarget {
  readonly diffPath: string;
  readonly signal?: AbortSignal;
}

export interface Applied {
  readonly dataBytes: number;
  readonly zeroBytes: number;
}

/**
 * Writes the diff into the VMM's private mapping of the base, which itself stays as it is. Must come before the VMM loads its
 * device state: virtio reads its rings from memory while loading. After a failure the VMM holds a mixture and must be ended.
 * @throws snapshot_missing, snapshot_incompatible, snapshot_corrupt, vmm_failed
 */
export async function applyDiff(options: ApplyOptions): Promise<Applied> {
  const { diffPath, signal } = options;
  await using diff = await DiffReader.open(diffPath, options);
  await using memory = await VmmMemory.open(options, "r+");
  for await (const writes of diff.data(signal)) {
    await Promise.all(writes.map(({ offset, bytes }) => memory.write(offset, bytes)));
  }
  const zeros = Buffer.alloc(PIECE_BYTES);
  let zeroBytes = 0;
  for (const runs of pieces(diff.zeroRanges)) {
    signal?.throwIfAborted();
    await Promise.all(runs.map(({ offset, length }) => memory.write(offset, zeros.subarray(0, length))));
    for (const { length } of runs) zeroBytes += length;
  }
  return { dataBytes: diff.index.dataBytes, zeroBytes };
}
