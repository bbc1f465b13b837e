import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { growFileSystem } from "./grow-file-system.ts";

const MIB = 1024 * 1024;
/** The kernel asks for it before it resizes, and some containers do not have it. */
const CAP_SYS_RESOURCE = 1n << 24n;

const capabilities = BigInt(`0x${/CapEff:\t(.*)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
const mayResize = (capabilities & CAP_SYS_RESOURCE) !== 0n;

let folder = "";
let device = "";
const mountPoint = () => join(folder, "mounted");
const size = () => {
  const { blocks, bsize } = statfsSync(mountPoint());
  return blocks * bsize;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wrenn-grow-"));
  const image = join(folder, "image");
  writeFileSync(image, "");
  truncateSync(image, 64 * MIB);
  execFileSync("mke2fs", ["-q", "-t", "ext4", image]);
  truncateSync(image, 256 * MIB);
  mkdirSync(mountPoint());
  device = execFileSync("losetup", ["--find", "--show", image], { encoding: "utf8" }).trim();
  execFileSync("mount", ["-t", "ext4", device, mountPoint()]);
});
afterEach(() => {
  execFileSync("umount", [mountPoint()]);
  execFileSync("losetup", ["--detach", device]);
  rmSync(folder, { recursive: true });
});

it.skipIf(!mayResize)("takes the whole disk, and a second time changes nothing", () => {
  expect(size()).toBeLessThan(64 * MIB);
  growFileSystem(device, mountPoint(), 0n);
  const grown = size();
  expect(grown).toBeGreaterThan(220 * MIB);
  growFileSystem(device, mountPoint(), 0n);
  expect(size()).toBe(grown);
});

it.skipIf(!mayResize)("waits until the kernel has noticed how large the disk is", () => {
  const image = `${folder}/image`;
  spawn("sh", ["-c", 'sleep 0.3; truncate -s 300M "$1"; losetup --set-capacity "$2"', "sh", image, device], {
    stdio: "ignore",
  });
  growFileSystem(device, mountPoint(), BigInt(300 * MIB));
  expect(size()).toBeGreaterThan(260 * MIB);
});

it("says which file system cannot take which disk, and why", () => {
  expect(() => growFileSystem(device, "/proc", 0n)).toThrow(
    `the file system at /proc cannot take the ${256 * MIB} bytes of ${device}: ioctl failed: ENOTTY`,
  );
});

it("says which disk is missing", () => {
  expect(() => growFileSystem("/dev/none", "/", 0n)).toThrow("the size of /dev/none cannot be read: ENOENT");
});
