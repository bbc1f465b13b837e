/** What the agent changes in the whole machine. Tests replace it, so that they never touch the machine they run on. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { clockSettime, ioctl, sync } from "./libc.ts";

export interface Kernel {
  /** milliseconds since the epoch */
  setClock(epochMs: number): void;
  /** Mixes secret bytes into the random pool, counts them as entropy, and makes the generator start from them at once. */
  addEntropy(bytes: Uint8Array): void;
  setHostname(name: string): void;
  /** Writes everything to disk. */
  sync(): Promise<void>;
  /** Forgets what the disk holds too, so that a snapshot does not store it. */
  dropPageCache(): void;
}

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

  dropPageCache() {
    writeFileSync("/proc/sys/vm/drop_caches", "1");
  },
};
