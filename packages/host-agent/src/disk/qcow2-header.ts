/** What a disk layer says of itself. A VMM wrote it, and one that was broken out of may have written anything. */
import { open } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";

/** Up to and including the incompatible features; https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.rst */
const HEADER_BYTES = 80;
const MAGIC = 0x514649fb;
/** The guest's data lies in another file, which the header names. */
const EXTERNAL_DATA = 1n << 2n;

/** Whether QEMU would open no file but this one for it. The name of what it stands on does not count: that is always given. */
export function standsAlone(header: Buffer): boolean {
  if (header.length < HEADER_BYTES || header.readUInt32BE(0) !== MAGIC) return false;
  // Version 2 has no features.
  return header.readUInt32BE(4) === 2 || (header.readBigUInt64BE(72) & EXTERNAL_DATA) === 0n;
}

/** Call before a program that runs as root opens the layer. @throws snapshot_corrupt */
export async function requireOwnData(path: string): Promise<void> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
  if (!standsAlone(buffer.subarray(0, bytesRead)))
    throw new WrennError("snapshot_corrupt", `the disk layer ${path} is none that a capsule may have`);
}
