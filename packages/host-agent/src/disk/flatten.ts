/** Makes one qcow2 layer out of several, in a new file: the layers themselves may be in use by others. */
import { rm } from "node:fs/promises";
import { command } from "@wrenn/runtime/command";
import type { BackingFile } from "./overlay.ts";
import { requireOwnData } from "./qcow2-header.ts";

export interface FlattenOptions {
  readonly qemuImg: string;
  /** what the result holds: all layers above `base`, newest first */
  readonly layers: readonly BackingFile[];
  /** what the result stands on, newest first */
  readonly base: readonly BackingFile[];
  readonly target: string;
  readonly sizeMb: number;
  readonly signal: AbortSignal;
}

/**
 * An empty overlay on all layers is rebased onto the base, which copies what differs. `qemu-img convert -B` would look
 * simpler, but on more than one layer it copies only the newest one, without an error.
 * @throws CommandError, AbortError, snapshot_corrupt; no file is left then
 */
export async function flattenLayers({ qemuImg, layers, base, target, sizeMb, signal }: FlattenOptions): Promise<void> {
  const all = chain([...layers, ...base]);
  for (const { path, format } of [...layers, ...base]) if (format === "qcow2") await requireOwnData(path);
  try {
    await command(qemuImg, ["create", "-q", "-f", "qcow2", "-b", all, "-F", "qcow2", target, `${sizeMb}M`], { signal });
    const format = base[0]?.format ?? "raw";
    await command(qemuImg, ["rebase", "-q", "-f", "qcow2", "-b", chain(base), "-F", format, target], { signal });
    // The name of what it stands on is told to the VMM at its start; the one in the file would only mislead.
    await command(qemuImg, ["rebase", "-q", "-u", "-f", "qcow2", "-b", "", target], { signal });
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}

/** A chain of files as QEMU's pseudo file name. */
function chain(files: readonly BackingFile[]): string {
  const node = files.reduceRight<object | undefined>(
    (backing, { path, format }) => ({
      driver: format,
      file: { driver: "file", filename: path },
      ...(backing === undefined ? {} : { backing }),
    }),
    undefined,
  );
  return `json:${JSON.stringify(node)}`;
}
