/**
 * Makes a template: boots an image cold, lets its agent do once what every capsule will do first, and saves memory,
 * device state and disk at that moment.
 */
import { randomBytes } from "node:crypto";
import { chown, mkdir, open, rename, rm } from "node:fs/promises";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import { command } from "@wrenn/runtime/command";
import { withCleanup } from "@wrenn/runtime/undo";
import { requireFreeSpace } from "../disk/overlay.ts";
import { GuestClient } from "../guest/client.ts";
import { exec } from "../guest/exec.ts";
import type { HostContext } from "../host.ts";
import type { SlotAddresses } from "../network/addresses.ts";
import { FILES, layerName } from "../snapshots/manifest.ts";
import { type Vm, whileAlive } from "../vmm/contract.ts";
import type { Shape } from "./key.ts";
import type { Built } from "./store.ts";
import { warm } from "./warm.ts";

/** A cold boot takes 5 to 15 s under emulation, more when the box is busy; a hang is not told apart any sooner. */
const BOOT_TIMEOUT_MS = 90_000;
const BOOT_ATTEMPTS = 3;

export async function buildTemplate(
  host: HostContext,
  shape: Shape,
  baseImage: string,
  target: string,
): Promise<Built> {
  await requireFreeSpace(host.layout.templates, shape.memoryMb + host.config.minFreeDiskMb);
  for (let attempt = 1; ; attempt++) {
    try {
      return await bootAndSave(host, shape, baseImage, target);
    } catch (error) {
      if (!hasCode(error, "boot_timeout") || attempt === BOOT_ATTEMPTS) throw error;
      host.logger.warn({ op: "template", attempt, err: error }, "a cold boot hung; trying again");
    }
  }
}

/** A machine whose guest agent answers after a cold boot. */
export interface ColdBoot {
  readonly vm: Vm;
  readonly guest: GuestClient;
  readonly dir: string;
}

const DISK = layerName(1);
const TIMER_IN_USE = "/sys/devices/system/clockevents/clockevent0/current_device";

async function bootAndSave(host: HostContext, shape: Shape, baseImage: string, target: string): Promise<Built> {
  return withColdBoot(host, shape, baseImage, async ({ vm, guest, dir }) => {
    await warm(guest);
    await stopOldTimer(vm, guest);
    const { offsetMs } = await guest.prepareTemplate(BOOT_TIMEOUT_MS);
    guest.close();
    await vm.stop();
    const stoppedAtMs = Date.now();
    await vm.saveState(FILES.state);
    await vm.kill();
    // Pages that the guest cleared need no place on disk.
    await command("fallocate", ["--dig-holes", `${dir}/${FILES.memory}`]);
    const names = [FILES.memory, FILES.state, DISK];
    for (const name of names) await rename(`${dir}/${name}`, `${target}/${name}`);
    return {
      facts: {
        memoryId: randomBytes(16).toString("hex"),
        clock: { offsetMs, stoppedAtMs },
        diskSizeMb: LIMITS.diskSizeMb.min,
        layers: 1,
      },
      files: names.map((name) => ({ name, checksum: true })),
    };
  });
}

/** The interval timer of the PC ticks from power-on, 36 times a second; Linux before 6.12 leaves it so when it takes the APIC's. */
async function stopOldTimer(vm: Vm, guest: GuestClient): Promise<void> {
  const { output } = await exec(guest, { cmd: "/bin/cat", args: [TIMER_IN_USE], timeoutMs: BOOT_TIMEOUT_MS });
  if (output.startsWith("lapic")) await vm.stopOldTimer();
}

/** Boots the image in a machine of its own, runs `body` when the guest agent answers, and removes every trace of it. */
export async function withColdBoot<T>(
  host: HostContext,
  shape: Shape,
  baseImage: string,
  body: (boot: ColdBoot) => Promise<T>,
): Promise<T> {
  const name = `template-${randomBytes(5).toString("hex")}`;
  const dir = `${host.layout.templates}/.${name}`;
  const runDir = `${host.layout.run}/${name}`;
  const left = (failures: unknown) =>
    host.logger.error({ name, failures }, "a template's machine left something behind");
  return withCleanup(async (undo) => {
    undo.add("name", () => void host.unborn.delete(name));
    host.unborn.add(name);
    const slot = await host.slots.acquire(name);
    undo.add("network", () => host.slots.release(slot, name));
    undo.add("files", () => rm(dir, { recursive: true, force: true }));
    await makeMachineFiles(host, dir, slot, shape);
    undo.add("sockets", () => rm(runDir, { recursive: true, force: true }));
    await mkdir(runDir, { mode: 0o700 });
    await chown(runDir, slot.uid, slot.uid);
    undo.add("cgroup", () => host.cgroups.remove(name));
    const vm = await host.driver.boot({ ...bootSpec(host, shape, baseImage), name, slot, machineDir: dir, runDir });
    undo.add("VMM", () => vm.kill());
    const guest = new GuestClient(slot.capsuleAddress);
    undo.add("guest connections", () => guest.close());
    await answered(vm, guest);
    return body({ vm, guest, dir });
  }, left);
}

async function makeMachineFiles(host: HostContext, dir: string, slot: SlotAddresses, shape: Shape): Promise<void> {
  await mkdir(dir, { mode: 0o711 });
  await host.overlays.make(`${dir}/${DISK}`, LIMITS.diskSizeMb.min, slot.uid);
  // The VMM may not create files in its folder: it finds those it writes.
  for (const [file, size] of [
    [FILES.memory, shape.memoryMb * 1024 * 1024],
    [FILES.state, 0],
  ] as const) {
    const handle = await open(`${dir}/${file}`, "wx", 0o600);
    await handle.truncate(size);
    await handle.close();
    await chown(`${dir}/${file}`, slot.uid, slot.uid);
  }
}

function bootSpec(host: HostContext, shape: Shape, baseImage: string) {
  return {
    vcpus: shape.vcpus,
    memoryMb: shape.memoryMb,
    disk: { overlay: DISK, backing: [{ path: baseImage, format: "raw" as const }], sizeMb: LIMITS.diskSizeMb.min },
    agentDisk: host.artifacts.agentDisk.path,
    kernel: host.artifacts.kernel.path,
    initramfs: host.artifacts.initramfs.path,
    kernelArgs: host.kernelArgs,
    memoryFile: FILES.memory,
  };
}

/** @throws boot_timeout when it hangs, vmm_failed when it ends; either with what the guest printed last */
async function answered(vm: Vm, guest: GuestClient): Promise<void> {
  try {
    await whileAlive(vm, guest.health(BOOT_TIMEOUT_MS));
  } catch (error) {
    if (!hasCode(error, "guest_unreachable")) throw error;
    const printed = lastLines(await vm.console().catch(() => Buffer.alloc(0)));
    const message = `the machine did not finish booting in ${BOOT_TIMEOUT_MS / 1000} s${printed}`;
    throw new WrennError("boot_timeout", message, { cause: error });
  }
}

function lastLines(console: Buffer): string {
  const text = console
    .toString("latin1")
    .replaceAll(/[^\x20-\x7e\n]/g, "")
    .trim();
  return text === "" ? "" : `; its console ends with: ${text.split("\n").slice(-3).join(" | ").slice(-500)}`;
}
