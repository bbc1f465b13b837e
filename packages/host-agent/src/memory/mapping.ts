/** Where in the address space of a VMM the guest's memory lies. */
import { readFile, stat } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";

export interface GuestMemory {
  /** the VMM process; the guest in it does not run */
  readonly pid: number;
  /** the base: an immutable sparse file that the VMM maps privately, under this name or another one */
  readonly memoryPath: string;
  /** size of the guest's memory and of the base, a multiple of PAGE_BYTES */
  readonly memoryBytes: number;
}

/** A line of /proc/PID/maps: the kernel may have split what was mapped as one. */
export interface Mapping {
  /** first address */
  readonly start: number;
  /** first address behind it */
  readonly end: number;
  /** the byte of the file that is at `start` */
  readonly offset: number;
  readonly shared: boolean;
  readonly inode: bigint;
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) [r-][w-][x-]([ps]) ([0-9a-f]+) [0-9a-f]+:[0-9a-f]+ (\d+)/;

/** Parses /proc/PID/maps. Names of files are ignored: they may be gone, or be others than the caller knows. */
export function parseMaps(text: string): Mapping[] {
  return text.split("\n").flatMap((line) => {
    const [, start, end, kind, offset, inode] = LINE.exec(line) ?? [];
    if (start === undefined || end === undefined || offset === undefined || inode === undefined) return [];
    return {
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      offset: Number.parseInt(offset, 16),
      shared: kind === "s",
      inode: BigInt(inode),
    };
  });
}

/**
 * The address of the guest's memory, which lies there as one private mapping of the whole base.
 * Needs CAP_SYS_ADMIN. @throws vmm_failed when the process is gone or maps the base in any other way
 */
export async function findMemory({ pid, memoryPath, memoryBytes }: GuestMemory): Promise<number> {
  const file = await stat(memoryPath, { bigint: true });
  const found: Mapping[] = [];
  for (const mapping of parseMaps(await fromProcess(pid, readFile(`/proc/${pid}/maps`, "utf8")))) {
    if (mapping.inode !== file.ino) continue;
    // The device in /proc/PID/maps is not the one that stat gives on btrfs, so the mapped file itself is asked.
    const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
    const mapped = await fromProcess(pid, stat(`/proc/${pid}/map_files/${range}`, { bigint: true }));
    if (mapped.ino === file.ino && mapped.dev === file.dev) found.push(mapping);
  }
  const problem = problemOf(found, memoryBytes);
  if (problem !== undefined) {
    throw new WrennError("vmm_failed", `the VMM process ${pid} ${problem} the guest memory ${memoryPath}`);
  }
  return found[0]?.start ?? 0;
}

/** Waits for what comes from a file of /proc/PID. @throws vmm_failed when the process is gone */
export async function fromProcess<T>(pid: number, access: Promise<T>): Promise<T> {
  return access.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" && error.code !== "ESRCH") throw error;
    throw new WrennError("vmm_failed", `the VMM process ${pid} is gone`, { cause: error });
  });
}

/** What keeps the mappings, ascending by address, from being the guest's memory. */
function problemOf(mappings: readonly Mapping[], memoryBytes: number): string | undefined {
  const [first] = mappings;
  if (first === undefined) return "does not map";
  if (mappings.some(({ shared }) => shared)) return "does not map privately";
  let mapped = 0;
  for (const { start, end, offset } of mappings) {
    if (offset !== mapped || start !== first.start + mapped) return "does not map in one place";
    mapped += end - start;
  }
  return mapped === memoryBytes ? undefined : `maps ${mapped} instead of ${memoryBytes} bytes of`;
}
