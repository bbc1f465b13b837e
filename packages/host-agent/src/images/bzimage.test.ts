import { hasCode } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { BZIMAGE_HEADER_BYTES, checkBzImage } from "./bzimage.ts";

const SIZE = 14 * 1024 * 1024;

function kernelHeader(): Buffer {
  const header = Buffer.alloc(BZIMAGE_HEADER_BYTES);
  header.writeUInt16LE(0xaa55, 0x1fe);
  header.write("HdrS", 0x202, "latin1");
  header.writeUInt16LE(0x020f, 0x206);
  header.writeUInt16LE(0x3000, 0x20e);
  header.writeUInt8(1, 0x211);
  header.writeUInt16LE(0x3f, 0x236);
  header.write("6.1.0-56-cloud-amd64 (someone@example) #1 SMP\0", 0x3200, "latin1");
  return header;
}

function problemOf(change: (header: Buffer) => void, size = SIZE): string {
  const header = kernelHeader();
  change(header);
  try {
    checkBzImage(header, size, "/boot/vmlinuz");
  } catch (error) {
    expect(hasCode(error, "kernel_invalid")).toBe(true);
    return error instanceof Error ? error.message : "";
  }
  return "";
}

describe("a kernel image", () => {
  it("tells its release", () => {
    expect(checkBzImage(kernelHeader(), SIZE, "/boot/vmlinuz")).toBe("6.1.0-56-cloud-amd64");
  });

  it.each([
    ["an empty file", () => {}, 0, "it has 0 bytes"],
    ["a truncated file", () => {}, 4096, "it has 4096 bytes"],
    ["a huge file", () => {}, 2 ** 40, "a kernel has less than"],
    ["an ELF kernel", (header: Buffer) => header.write("\x7fELF", 0, "latin1"), SIZE, "vmlinuz"],
    ["zeros", (header: Buffer) => header.fill(0), SIZE, "no boot sector signature"],
    ["another boot sector", (header: Buffer) => header.fill(0, 0x202, 0x206), SIZE, "no Linux boot header"],
    ["a 32-bit kernel", (header: Buffer) => header.writeUInt16LE(0, 0x236), SIZE, "32-bit"],
    ["an old kernel", (header: Buffer) => header.writeUInt16LE(0x0204, 0x206), SIZE, "older than 2.12"],
    ["a version out of bounds", (header: Buffer) => header.writeUInt16LE(0xffff, 0x20e), SIZE, "version"],
  ])("is not %s", (_what, change, size, problem) => {
    const message = problemOf(change, size);
    expect(message).toContain("/boot/vmlinuz");
    expect(message).toContain(problem);
  });
});
