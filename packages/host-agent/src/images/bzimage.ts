/** The header of a Linux kernel image for x86 (bzImage), as the kernel's boot protocol describes it. */
import { WrennError } from "@wrenn/protocol/errors";

/** Bytes from the start of the file that `checkBzImage` needs to see. */
export const BZIMAGE_HEADER_BYTES = 64 * 1024;

const MIN_SIZE = 1024 * 1024;
const MAX_SIZE = 512 * 1024 * 1024;
const BOOT_FLAG = 0x1fe;
const MAGIC = 0x202;
const PROTOCOL_VERSION = 0x206;
const VERSION_POINTER = 0x20e;
const LOAD_FLAGS = 0x211;
const XLOAD_FLAGS = 0x236;

/**
 * Checks that the start of a file is that of a 64-bit bzImage. `size` is that of the whole file in bytes.
 * Returns the kernel's release, "6.1.0-56-cloud-amd64". @throws kernel_invalid naming `path` and what is wrong
 */
export function checkBzImage(header: Buffer, size: number, path: string): string {
  const invalid = (reason: string): WrennError =>
    new WrennError("kernel_invalid", `${path} is not a usable guest kernel: ${reason}`);
  if (size < MIN_SIZE) throw invalid(`it has ${size} bytes, a kernel has more than ${MIN_SIZE}`);
  if (size > MAX_SIZE) throw invalid(`it has ${size} bytes, a kernel has less than ${MAX_SIZE}`);
  if (header.subarray(0, 4).toString("latin1") === "\x7fELF") {
    throw invalid("it is an ELF file (vmlinux); the compressed bzImage (vmlinuz) is needed");
  }
  if (header.readUInt16LE(BOOT_FLAG) !== 0xaa55) throw invalid("it has no boot sector signature");
  if (header.toString("latin1", MAGIC, MAGIC + 4) !== "HdrS") throw invalid("it has no Linux boot header");
  if (header.readUInt16LE(PROTOCOL_VERSION) < 0x020c) throw invalid("its boot protocol is older than 2.12");
  if ((header.readUInt8(LOAD_FLAGS) & 1) === 0) throw invalid("it is a zImage, a bzImage is needed");
  if ((header.readUInt16LE(XLOAD_FLAGS) & 1) === 0) throw invalid("it is a 32-bit kernel");
  const start = header.readUInt16LE(VERSION_POINTER) + 0x200;
  const end = header.indexOf(0, start);
  const release = end > start ? header.toString("latin1", start, end).split(" ")[0] : undefined;
  if (release === undefined || !/^[0-9]+\.[\w.+~-]+$/.test(release)) throw invalid("it does not name its version");
  return release;
}
