/** A process that maps a file as a VMM maps its guest's memory, and does what its parent says. Arguments: path, bytes, private | shared. */
import { openSync } from "node:fs";
import koffi from "koffi";
import { PAGE_BYTES } from "../pages.ts";

export type MappingCommand =
  | { readonly op: "fill"; readonly page: number; readonly pages: number; readonly byte: number }
  | { readonly op: "rewrite" | "discard" | "split" | "read"; readonly page: number; readonly pages: number };

const libc = koffi.load("libc.so.6");
const mmap = libc.func("void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)");
const madvise = libc.func("int madvise(uintptr_t address, size_t length, int advice)");

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MADV_DONTNEED = 4;
const MADV_DONTFORK = 10;
const NOTHING = Buffer.alloc(0);

const [path = "", bytes = "0", kind = "private"] = process.argv.slice(2);
const file = openSync(path, kind === "shared" ? "r+" : "r");
// As QEMU does, which is handed a descriptor.
const again = openSync(`/proc/self/fd/${file}`, kind === "shared" ? "r+" : "r");
const flags = kind === "shared" ? MAP_SHARED : MAP_PRIVATE;
const base = koffi.address(mmap(null, Number(bytes), PROT_READ_WRITE, flags, again, 0));

function advise(address: bigint, length: number, advice: number): void {
  if (madvise(address, length, advice) !== 0) throw new Error(`madvise failed: errno ${koffi.errno()}`);
}

function run(command: MappingCommand): Buffer {
  const address = base + BigInt(command.page * PAGE_BYTES);
  const length = command.pages * PAGE_BYTES;
  const memory = Buffer.from(koffi.view(address, length));
  if (command.op === "fill") memory.fill(command.byte);
  if (command.op === "rewrite") memory.set(Buffer.from(memory));
  if (command.op === "discard") advise(address, length, MADV_DONTNEED);
  // Two neighbouring stretches that differ in this advice cannot be one mapping.
  if (command.op === "split") advise(address, length, MADV_DONTFORK);
  return command.op === "read" ? Buffer.from(memory) : NOTHING;
}

process.on("message", (command: MappingCommand) => process.send?.(run(command)));
process.on("disconnect", () => process.exit());
process.send?.(NOTHING);
