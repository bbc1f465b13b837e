/**
 * QEMU's command line, a pure function. Files are named through inherited descriptors (/proc/self/fd/N), so the
 * unprivileged VMM needs no access to any folder and sees no file but its own.
 */

import { GUEST } from "../../network/addresses.ts";
import type { Capabilities } from "../capabilities.ts";
import type { BootSpec, RestoreSpec } from "../contract.ts";
import type { InheritedFile } from "../process.ts";

/** Part of every snapshot's key: raise it whenever the devices below change. */
export const MACHINE_LAYOUT = 1;

/** First descriptor after stdio. */
const FIRST_FD = 3;

/** MiB of translated code under emulation; 32 would be slower, 128 costs 40 MB more per capsule without being faster. */
const TCG_CACHE_MB = 64;

const CONSOLE_BYTES = 65_536;

/** Node of the disk that the machine was started from. */
export const SAVED_DISK = "saved";

export interface QemuCommand {
  readonly args: string[];
  /** inherited as descriptors 3, 4, … in this order */
  readonly files: InheritedFile[];
  /** descriptor of the device state, for `migrate-incoming` */
  readonly stateFd: number | undefined;
}

export function socketPath(runDir: string): string {
  return `${runDir}/qmp.sock`;
}

class Descriptors {
  readonly files: InheritedFile[] = [];

  add(path: string, write = false): number {
    this.files.push({ path, write });
    return FIRST_FD + this.files.length - 1;
  }

  path(path: string): string {
    return `/proc/self/fd/${this.add(path)}`;
  }
}

export function bootCommand(spec: BootSpec, capabilities: Capabilities): QemuCommand {
  const fds = new Descriptors();
  const own = fds.path(spec.machineDir);
  const args = [
    ...machineArgs(spec, capabilities),
    ...memoryArgs(spec.memoryMb, `${own}/${spec.memoryFile}`, "share=on"),
    ...deviceArgs(spec, own, fds),
    ...["-kernel", fds.path(spec.kernel), "-initrd", fds.path(spec.initramfs)],
    ...["-append", spec.kernelArgs.join(" ")],
  ];
  return { args, files: fds.files, stateFd: undefined };
}

export function restoreCommand(spec: RestoreSpec, capabilities: Capabilities): QemuCommand {
  const fds = new Descriptors();
  const own = fds.path(spec.machineDir);
  const sharing = capabilities.readonlyTemplates ? "share=off,readonly=on,rom=off" : "share=off";
  const args = [
    ...machineArgs(spec, capabilities),
    ...memoryArgs(spec.memoryMb, fds.path(spec.memoryPath), sharing),
    ...deviceArgs(spec, own, fds),
    // Its CPUs wait for the host, who has to know when they went on.
    ...["-S", "-incoming", "defer"],
    // The device state is written without the configuration section that `migrate` would put before it.
    ...["-global", "migration.send-configuration=off"],
  ];
  return { args, files: fds.files, stateFd: fds.add(spec.statePath) };
}

function machineArgs(spec: BootSpec | RestoreSpec, { accelerator }: Capabilities): string[] {
  const acceleration = accelerator === "kvm" ? "kvm" : `tcg,thread=multi,tb-size=${TCG_CACHE_MB}`;
  return [
    ...["-name", `${spec.name},debug-threads=on`],
    ...["-M", "microvm,rtc=on,suppress-vmdesc=on,memory-backend=mem"],
    ...["-accel", acceleration],
    ...["-cpu", accelerator === "kvm" ? "host" : "max"],
    ...["-smp", `${spec.vcpus}`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...["-qmp", `unix:${socketPath(spec.runDir)},server=on,wait=off`],
    // A guest can print without end: the console is a ring in memory, not a file on the host's disk.
    ...["-chardev", `ringbuf,id=console,size=${CONSOLE_BYTES}`, "-serial", "chardev:console"],
  ];
}

function memoryArgs(memoryMb: number, path: string, sharing: string): string[] {
  return ["-m", `${memoryMb}M`, "-object", `memory-backend-file,id=mem,size=${memoryMb}M,mem-path=${path},${sharing}`];
}

/** The same devices in the same order at boot and at restore: a snapshot fits no other machine. */
function deviceArgs(spec: BootSpec | RestoreSpec, own: string, fds: Descriptors): string[] {
  const backing = spec.disk.backing.flatMap(({ path, format }, depth) => {
    const prefix = "backing.".repeat(depth + 1);
    return [`${prefix}driver=${format}`, `${prefix}file.filename=${fds.path(path)}`];
  });
  // The layers above it are this machine's own, and can be made one while it runs.
  const saved = spec.disk.backing.length === 0 ? [] : [`backing.node-name=${SAVED_DISK}`];
  const root = [
    // On a full disk of the host the machine stands still until there is room: an error would cost the guest its file system.
    "if=none,id=root,format=qcow2,discard=unmap,detect-zeroes=unmap,werror=enospc,rerror=report",
    `file.filename=${own}/${spec.disk.overlay}`,
    ...backing,
    ...saved,
  ];
  return [
    ...["-netdev", `tap,id=net,ifname=${GUEST.tap},script=no,downscript=no`],
    ...["-device", `virtio-net-device,netdev=net,mac=${GUEST.mac}`],
    ...["-drive", root.join(","), "-device", "virtio-blk-device,drive=root"],
    ...["-drive", `if=none,id=agent,format=raw,readonly=on,file.filename=${fds.path(spec.agentDisk)}`],
    ...["-device", "virtio-blk-device,drive=agent"],
    ...["-device", "virtio-rng-device"],
  ];
}
