/** Lets a mounted ext4 take the whole of a disk that has grown. The kernel does it, so the image needs no tool for it. */
import { closeSync, openSync, statfsSync } from "node:fs";
import { WrennError } from "@wrenn/protocol/errors";
import { monotonicMs } from "./clock.ts";
import { ioctl } from "./libc.ts";

const BLKGETSIZE64 = 0x80081272;
const EXT4_IOC_RESIZE_FS = 0x40086610;

/** Milliseconds that the kernel has to notice that the disk is larger: an interrupt and a work queue of a busy machine. */
const NOTICED_MS = 5_000;
const POLL_MS = 2;

/**
 * Changes nothing when the file system has the whole disk already.
 * @param atLeast bytes that the disk has, which the kernel may not have noticed yet
 * @throws internal_error saying what could not be done
 */
export function growFileSystem(device: string, mountPoint: string, atLeast: bigint): void {
  const bytes = sizeOnceNoticed(device, atLeast);
  try {
    const { bsize } = statfsSync(mountPoint, { bigint: true });
    control(mountPoint, EXT4_IOC_RESIZE_FS, BigUint64Array.of(bytes / bsize));
  } catch (cause) {
    const message = `the file system at ${mountPoint} cannot take the ${bytes} bytes of ${device}: ${reason(cause)}`;
    throw new WrennError("internal_error", message, { cause });
  }
}

function sizeOnceNoticed(device: string, atLeast: bigint): bigint {
  const until = monotonicMs() + NOTICED_MS;
  for (;;) {
    const bytes = sizeOf(device);
    if (bytes >= atLeast) return bytes;
    if (monotonicMs() >= until) {
      throw new WrennError("internal_error", `${device} has ${bytes} bytes and not the ${atLeast} that it should have`);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
}

function sizeOf(device: string): bigint {
  const size = new BigUint64Array(1);
  try {
    control(device, BLKGETSIZE64, size);
  } catch (cause) {
    throw new WrennError("internal_error", `the size of ${device} cannot be read: ${reason(cause)}`, { cause });
  }
  return size[0] ?? 0n;
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
