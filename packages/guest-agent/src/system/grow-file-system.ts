/** Lets a mounted ext4 take the whole of a disk that has grown. The kernel does it, so the image needs no tool for it. */
import { closeSync, openSync, statfsSync } from "node:fs";
import { WrennError } from "@wrenn/protocol/errors";
import { ioctl } from "./libc.ts";

const BLKGETSIZE64 = 0x80081272;
const EXT4_IOC_RESIZE_FS = 0x40086610;

/**
 * Changes nothing when the file system has the whole disk already.
 * @throws internal_error saying what could not be done
 */
export function growFileSystem(device: string, mountPoint: string): void {
  const size = new BigUint64Array(1);
  try {
    control(device, BLKGETSIZE64, size);
  } catch (cause) {
    throw new WrennError("internal_error", `the size of ${device} cannot be read: ${reason(cause)}`, { cause });
  }
  const [bytes = 0n] = size;
  try {
    const { bsize } = statfsSync(mountPoint, { bigint: true });
    control(mountPoint, EXT4_IOC_RESIZE_FS, BigUint64Array.of(bytes / bsize));
  } catch (cause) {
    const message = `the file system at ${mountPoint} cannot take the ${bytes} bytes of ${device}: ${reason(cause)}`;
    throw new WrennError("internal_error", message, { cause });
  }
}

function control(path: string, request: number, argument: BigUint64Array): void {
  const descriptor = openSync(path, "r");
  try {
    ioctl(descriptor, request, argument);
  } finally {
    closeSync(descriptor);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
