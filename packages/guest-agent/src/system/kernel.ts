/** What the agent changes in the whole machine. Tests replace it, so that they never touch the machine they run on. */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { resetConnections } from "./connections.ts";
import { growFileSystem } from "./grow-file-system.ts";
import { clockSettime, ioctl, sync } from "./libc.ts";
import { type Memory, parseMemory } from "./page-cache.ts";
import { SpaceReserve } from "./reserve-space.ts";

export interface Kernel {
  /** milliseconds since the epoch */
  setClock(epochMs: number): void;
  /** Mixes secret bytes into the random pool, counts them as entropy, and makes the generator start from them at once. */
  addEntropy(bytes: Uint8Array): void;
  setHostname(name: string): void;
  /** Writes everything to disk. */
  sync(): Promise<void>;
  memory(): Memory;
  /** Forgets what the disk holds too, so that a snapshot does not store it. */
  dropPageCache(): Promise<void>;
  /** Lets the root file system take the whole of its disk. @throws internal_error */
  growRootDisk(atLeast: bigint): void;
  /** Lets the root file system take no more, or as much as it can again. @throws errors of the file system */
  reserveRootDisk(all: boolean): void;
  /** Ends the TCP connections to other machines, except those to `exceptPort` of this one. @throws Error */
  resetConnections(exceptPort: number): void;
}

/** As `images/initramfs/init` mounts it. */
const ROOT_DISK = "/dev/vda";

const RNDADDENTROPY = 0x40085203;
const RNDRESEEDCRNG = 0x5207;

/** The argument of RNDADDENTROPY: entropy in bits, length in bytes, the bytes. */
function randPoolInfo(bytes: Uint8Array): Uint8Array {
  const info = Buffer.alloc(8 + Math.ceil(bytes.length / 4) * 4);
  info.writeInt32LE(bytes.length * 8, 0);
  info.writeInt32LE(bytes.length, 4);
  info.set(bytes, 8);
  return info;
}

const rootReserve = new SpaceReserve("/sys/fs/ext4/vda", "/");

export const linuxKernel: Kernel = {
  setClock: clockSettime,

  addEntropy(bytes) {
    const device = openSync("/dev/urandom", "r+");
    try {
      ioctl(device, RNDADDENTROPY, randPoolInfo(bytes));
      ioctl(device, RNDRESEEDCRNG, null);
    } finally {
      closeSync(device);
    }
  },

  setHostname(name) {
    writeFileSync("/proc/sys/kernel/hostname", name);
  },

  sync,

  memory: () => parseMemory(readFileSync("/proc/meminfo", "latin1")),

  // The write takes as long as there is much to drop: seconds for gigabytes.
  dropPageCache: () => writeFile("/proc/sys/vm/drop_caches", "1"),

  growRootDisk: (atLeast) => growFileSystem(ROOT_DISK, "/", atLeast),

  reserveRootDisk: (all) => rootReserve.reserveAll(all),

  resetConnections,
};
