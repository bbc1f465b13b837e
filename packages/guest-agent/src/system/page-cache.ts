/** What memory holds of the disk, and when a snapshot is better off without it. */

/** Bytes that dropping the page cache can free, of a /proc/meminfo. Files in tmpfs are in `Cached` and have no disk. */
export function droppableBytes(meminfo: string): number {
  return 1024 * (kilobytes(meminfo, "Buffers") + kilobytes(meminfo, "Cached") - kilobytes(meminfo, "Shmem"));
}

function kilobytes(meminfo: string, name: string): number {
  return Number(new RegExp(`^${name}: *(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0);
}
