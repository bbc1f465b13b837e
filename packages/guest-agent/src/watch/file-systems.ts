/** Which file systems can be watched. */
import { statfsSync } from "node:fs";

/** Where other machines or programs make changes that this kernel does not see (linux/magic.h). */
const NETWORK = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x65735546, // FUSE
  0x01021997, // 9P
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x6b414653, // AFS of the kernel
  0x73757245, // Coda
]);

/** Whose folders are views of the kernel: nothing is ever written to disk there, and there are many of them. */
const PSEUDO = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x63677270, // cgroup2
  0x27e0eb, // cgroup
  0x6e736673, // nsfs
  0xcafe4a11, // bpf
]);

export type FileSystemKind = "local" | "network" | "pseudo";

/** @throws errors of the file system */
export function fileSystemKind(path: Buffer): FileSystemKind {
  const { type } = statfsSync(path);
  // The kernel's number has 64 bits, of which some architectures extend the sign.
  const magic = type >>> 0;
  if (NETWORK.has(magic)) return "network";
  return PSEUDO.has(magic) ? "pseudo" : "local";
}
