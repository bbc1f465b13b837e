/**
 * Makes a template: boots an image cold, lets its agent do once what every capsule will do first, and saves memory,
 * device state and disk at that moment.
 */
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, open, rename, rm } from "node:fs/promises";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import { command } from "@wrenn/runtime/command";
import { withCleanup } from "@wrenn/runtime/undo";
import { createOverlay, requireFreeSpace } from "../disk/overlay.ts";
import { GuestClient } from "../guest/client.ts";
import type { HostContext } from "../host.ts";
import type { SlotAddresses } from "../network/addresses.ts";
import { type Vm, whileAlive } from "../vmm/contract.ts";
import type { Shape } from "./key.ts";
import { TEMPLATE_FILES } from "./store.ts";
import { warm } from "./warm.ts";

/** A cold boot takes 5 to 15 s under emulation, more when the box is busy; a hang is not told apart any sooner. */
const BOOT_TIMEOUT_MS = 90_000;
const BOOT_ATTEMPTS = 3;

export async function buildTemplate(host: HostContext, shape: Shape, baseImage: string, target: string): Promise<void> {
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

async function bootAndSave(host: HostContext, shape: Shape, baseImage: string, target: string): Promise<void> {
  await withColdBoot(host, shape, baseImage, async ({ vm, guest, dir }) => {
    await warm(guest);
    await guest.prepareTemplate(BOOT_TIMEOUT_MS);
    guest.close();
    await vm.stop();
    await vm.saveState(TEMPLATE_FILES.state);
    await vm.kill();
    // Pages that the guest cleared need no place on disk.
    await command("fallocate", ["--dig-holes", `${dir}/${TEMPLATE_FILES.memory}`]);
    for (const file of [TEMPLATE_FILES.memory, TEMPLATE_FILES.state, TEMPLATE_FILES.disk]) {
      await settle(`${dir}/${file}`);
      await rename(`${dir}/${file}`, `${target}/${file}`);
    }
    const overlay = `${target}/${TEMPLATE_FILES.emptyOverlay}`;
    await createOverlay(host.programs.qemuImg, overlay, { path: `${target}/${TEMPLATE_FILES.disk}`, format: "qcow2" });
    await settle(overlay);
  });
}

/** Boots the image in a machine of its own, runs `body` when the guest agent answers, and removes every trace of it. */
export async function withColdBoot(
  host: HostContext,
  shape: Shape,
  baseImage: string,
  body: (boot: ColdBoot) => Promise<void>,
): Promise<void> {
  const name = `template-${randomBytes(5).toString("hex")}`;
  const dir = `${host.layout.templates}/.${name}`;
  const runDir = `${host.layout.run}/${name}`;
  const left = (failures: unknown) =>
    host.logger.error({ name, failures }, "a template's machine left something behind");
  await withCleanup(async (undo) => {
    const slot = await host.slots.acquire(name);
    undo.add("network", () => host.slots.release(slot, name));
    undo.add("files", () => rm(dir, { recursive: true, force: true }));
    await makeMachineFiles(host, dir, baseImage, slot, shape);
    undo.add("sockets", () => rm(runDir, { recursive: true, force: true }));
    await mkdir(runDir, { mode: 0o700 });
    await chown(runDir, slot.uid, slot.uid);
    undo.add("cgroup", () => host.cgroups.remove(name));
    const vm = await host.driver.boot({ ...bootSpec(host, shape, baseImage), name, slot, machineDir: dir, runDir });
    undo.add("VMM", () => vm.kill());
    const guest = new GuestClient(slot.capsuleAddress);
    undo.add("guest connections", () => guest.close());
    await answered(vm, guest);
    await body({ vm, guest, dir });
  }, left);
}

async function makeMachineFiles(
  host: HostContext,
  dir: string,
  baseImage: string,
  slot: SlotAddresses,
  shape: Shape,
): Promise<void> {
  await mkdir(dir, { mode: 0o711 });
  const disk = `${dir}/${TEMPLATE_FILES.disk}`;
  await createOverlay(host.programs.qemuImg, disk, { path: baseImage, format: "raw" });
  // The VMM may not create files in its folder: it finds those it writes.
  for (const [file, size] of [
    [TEMPLATE_FILES.memory, shape.memoryMb * 1024 * 1024],
    [TEMPLATE_FILES.state, 0],
  ] as const) {
    const handle = await open(`${dir}/${file}`, "wx", 0o600);
    await handle.truncate(size);
    await handle.close();
    await chown(`${dir}/${file}`, slot.uid, slot.uid);
  }
  await chown(disk, slot.uid, slot.uid);
  await chmod(disk, 0o600);
}

function bootSpec(host: HostContext, shape: Shape, baseImage: string) {
  return {
    vcpus: shape.vcpus,
    memoryMb: shape.memoryMb,
    disk: { overlay: TEMPLATE_FILES.disk, backing: [{ path: baseImage, format: "raw" as const }] },
    agentDisk: host.artifacts.agentDisk.path,
    kernel: host.artifacts.kernel.path,
    initramfs: host.artifacts.initramfs.path,
    kernelArgs: host.kernelArgs,
    memoryFile: TEMPLATE_FILES.memory,
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

/** On disk, and no longer writable by the VMM's user. */
async function settle(path: string): Promise<void> {
  await chown(path, 0, 0);
  const handle = await open(path, "r");
  await handle.sync();
  await handle.close();
}
