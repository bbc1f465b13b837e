/** Makes a machine without an owner: started from a template, and used once, so that its emulated code is translated. */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { withUndo } from "@wrenn/runtime/undo";
import type { HostContext } from "../host.ts";
import { copyFolder, describe, type Snapshot } from "../snapshots/folder.ts";
import { warm } from "../templates/warm.ts";
import { whileAlive } from "../vmm/contract.ts";
import { releaseResources } from "./resources.ts";
import { generationName } from "./saved.ts";
import { type Started, startVm } from "./start.ts";
import { UNOBSERVED } from "./steps.ts";
import type { WarmShape } from "./warm-pool.ts";

export interface WarmMachine extends Started {
  readonly name: string;
  /** its folder, which becomes that of the machine it turns into */
  readonly folder: string;
  readonly snapshot: Snapshot;
  /** Removes it and everything it holds; failures are left to the sweeper. */
  discard(): Promise<void>;
}

/** @throws what a create throws; nothing is left behind then */
export async function makeWarm(host: HostContext, shape: WarmShape): Promise<WarmMachine> {
  const name = `warm-${randomBytes(5).toString("hex")}`;
  const folder = host.journal.machineDir(name);
  host.unborn.add(name);
  return withUndo(
    async (undo) => {
      undo.add("name", () => void host.unborn.delete(name));
      const { snapshot: template } = await host.templates.ensure(shape.template, shape);
      return host.createLimit.run(async () => {
        const slot = await host.slots.acquire(name);
        undo.add("network and sockets", () => releaseResources(host, { vmName: name, slot: slot.slot }, undefined));
        undo.add("folder", () => host.journal.remove(name));
        await mkdir(folder, { mode: 0o711 });
        const saved = `${folder}/${generationName(template.manifest.generation + 1)}`;
        await copyFolder(template, saved);
        const snapshot = describe(saved, template.manifest);
        const { diskSizeMb } = template.manifest;
        const plan = { vmName: name, machineDir: folder, slot, snapshot, diskSizeMb };
        const started = await startVm(host, plan, { ...UNOBSERVED, vmm: undefined }, undo);
        await whileAlive(started.vm, warm(started.guest));
        return { ...started, name, folder, snapshot, discard: () => discard(host, name, started) };
      });
    },
    (failures) => host.logger.error({ op: "warm", name, failures }, "a machine made ahead left something behind"),
  );
}

async function discard(host: HostContext, name: string, { slot, vm, guest }: Started): Promise<void> {
  try {
    await releaseResources(host, { vmName: name, slot: slot.slot }, { vm, guest, slot });
    await host.journal.remove(name);
  } catch (error) {
    host.logger.error({ op: "warm", name, err: error }, "a machine made ahead left something behind");
  } finally {
    host.unborn.delete(name);
  }
}
