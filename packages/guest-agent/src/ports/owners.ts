/** Which process has a socket open. The kernel does not say: the descriptors of all processes are looked through, once a socket. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

export interface Owner {
  readonly pid: number;
  /** name of the program, at most 15 bytes */
  readonly process: string;
}

/** Processes that are looked through in one turn of the event loop. */
const AT_ONCE = 16;

export class SocketOwners {
  /** by inode; undefined for a socket that no process was found for */
  #known = new Map<number, Owner | undefined>();

  /** The owners of these sockets; all others are forgotten. */
  async of(inodes: readonly number[]): Promise<ReadonlyMap<number, Owner | undefined>> {
    const found = new Map(inodes.map((inode) => [inode, this.#known.get(inode)]));
    const wanted = new Set(inodes.filter((inode) => !this.#known.has(inode)));
    if (wanted.size > 0) await search(wanted, found);
    this.#known = found;
    return found;
  }
}

async function search(wanted: Set<number>, found: Map<number, Owner | undefined>): Promise<void> {
  // What listens has mostly been started last.
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .toReversed();
  for (const [index, pid] of pids.entries()) {
    if (wanted.size === 0) return;
    if (index % AT_ONCE === AT_ONCE - 1) await turn();
    for (const inode of socketsOf(pid)) {
      if (!wanted.delete(inode)) continue;
      const process = nameOf(pid);
      if (process !== undefined) found.set(inode, { pid: Number(pid), process });
    }
  }
}

/** The inodes of the sockets that a process has open; none of one that has ended. */
function socketsOf(pid: string): number[] {
  const folder = `/proc/${pid}/fd`;
  const links = orNothing(() => readdirSync(folder)) ?? [];
  return (
    links
      // A descriptor may be closed meanwhile: of this process the one that lists them is.
      .map((descriptor) => orNothing(() => readlinkSync(`${folder}/${descriptor}`)) ?? "")
      .map((target) => Number(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? 0))
      .filter((inode) => inode > 0)
  );
}

function nameOf(pid: string): string | undefined {
  return orNothing(() => readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd());
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
