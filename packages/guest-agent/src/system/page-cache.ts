/** What the machine's memory holds, and when it is better off without what the disk holds too. */

/** All in bytes. */
export interface Memory {
  readonly total: number;
  readonly free: number;
  /** what programs could still get */
  readonly available: number;
  /** what dropping the page cache can free */
  readonly cache: number;
}

/** The figures of a /proc/meminfo. Files in tmpfs are in `Cached` and have no disk. */
export function parseMemory(meminfo: string): Memory {
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}: *(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0);
  return {
    total: bytes("MemTotal"),
    free: bytes("MemFree"),
    available: bytes("MemAvailable"),
    cache: bytes("Buffers") + bytes("Cached") - bytes("Shmem"),
  };
}

/** Part of the memory that is filled before the page cache is dropped, and the part that this has to bring. */
const FULL = 0.8;
const WORTH_IT = 0.1;

/** Whether memory is nearly full and a good part of it is page cache. */
export function shouldReclaim({ total, free, cache }: Memory): boolean {
  return total - free > FULL * total && cache > WORTH_IT * total;
}
