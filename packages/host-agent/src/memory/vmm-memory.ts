/** The guest's memory inside a VMM process, addressed by offset. Only for a guest that does not run. */
import { type FileHandle, open } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { findMemory, fromProcess, type GuestMemory } from "./mapping.ts";
import { changedPages } from "./page-map.ts";
import type { PageRun } from "./pages.ts";

export class VmmMemory implements AsyncDisposable {
  readonly #mem: FileHandle;
  readonly #pid: number;
  readonly #address: number;
  readonly #bytes: number;

  private constructor(mem: FileHandle, { pid, memoryBytes }: GuestMemory, address: number) {
    this.#mem = mem;
    this.#pid = pid;
    this.#address = address;
    this.#bytes = memoryBytes;
  }

  /** @throws vmm_failed when the process does not map this memory, as a whole and privately */
  static async open(memory: GuestMemory, access: "r" | "r+"): Promise<VmmMemory> {
    const address = await findMemory(memory);
    const mem = await fromProcess(memory.pid, open(`/proc/${memory.pid}/mem`, access));
    return new VmmMemory(mem, memory, address);
  }

  /** The pages that the guest, or who restored it, has written. @throws vmm_failed when the process ends meanwhile */
  changedPages(signal?: AbortSignal): Promise<PageRun[]> {
    return changedPages(this.#pid, this.#address, this.#bytes, signal);
  }

  /** Fills `target` with the memory from `offset` on. @throws vmm_failed when the process ends meanwhile */
  async read(offset: number, target: Buffer): Promise<void> {
    const at = this.#address + offset;
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await this.#mem.read(target, done, target.length - done, at + done);
      done += this.#some(bytesRead);
    }
  }

  /** Writes into the private mapping; the base stays as it is. @throws vmm_failed when the process ends meanwhile */
  async write(offset: number, source: Buffer): Promise<void> {
    const at = this.#address + offset;
    for (let done = 0; done < source.length; ) {
      const { bytesWritten } = await this.#mem.write(source, done, source.length - done, at + done);
      done += this.#some(bytesWritten);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mem.close();
  }

  /** The memory of a process that has ended is empty. */
  #some(bytes: number): number {
    if (bytes === 0) throw new WrennError("vmm_failed", `the VMM process ${this.#pid} ended while its memory was used`);
    return bytes;
  }
}
