import { describe, expect, it } from "vitest";
import { slotAddresses } from "../../network/addresses.ts";
import type { Capabilities } from "../capabilities.ts";
import { bootCommand, restoreCommand } from "./args.ts";

const tcg: Capabilities = {
  vmm: "qemu",
  version: "10.0.2",
  accelerator: "tcg",
  readonlyTemplates: true,
  snapshotFormat: "x",
};

const base = {
  name: "cl-1",
  vcpus: 2,
  memoryMb: 512,
  slot: slotAddresses(1),
  machineDir: "/m/cl-1",
  runDir: "/r/cl-1",
  disk: {
    overlay: "disk.qcow2",
    backing: [
      { path: "/t/disk.qcow2", format: "qcow2" as const },
      { path: "/i/rootfs.ext4", format: "raw" as const },
    ],
    sizeMb: 5120,
  },
  agentDisk: "/i/agent.erofs",
};
const restore = { ...base, memoryPath: "/t/memory", statePath: "/t/state", loadMemory: async () => {} };
const boot = {
  ...base,
  kernel: "/i/vmlinuz",
  initramfs: "/i/initramfs",
  kernelArgs: ["quiet", "panic=-1"],
  memoryFile: "memory",
};

describe("QEMU's command line", () => {
  it("of a restore", () => {
    expect(restoreCommand(restore, tcg)).toMatchSnapshot();
  });

  it("of a cold boot", () => {
    expect(bootCommand(boot, tcg)).toMatchSnapshot();
  });

  it("has the same devices at boot and at restore, in the same order", () => {
    const devices = (args: string[]) => args.filter((_arg, i) => args[i - 1] === "-device" || args[i - 1] === "-M");
    expect(devices(restoreCommand(restore, tcg).args)).toEqual(devices(bootCommand(boot, tcg).args));
  });

  it("never lets a capsule write into the template's memory or give pages back to it", () => {
    const text = restoreCommand(restore, tcg).args.join(" ");
    expect(text).toContain("share=off,readonly=on,rom=off");
    expect(text).not.toMatch(/balloon|share=on/);
    const old = restoreCommand(restore, { ...tcg, readonlyTemplates: false }).args.join(" ");
    expect(old).toContain(",share=off");
    expect(old).not.toContain("readonly=on,rom");
  });

  it("names no file but by an inherited descriptor, and its own control socket", () => {
    for (const { args, files } of [restoreCommand(restore, tcg), bootCommand(boot, tcg)]) {
      const text = args.join(" ");
      for (const { path } of files) expect(text).not.toContain(path);
      const numbers = [...text.matchAll(/\/proc\/self\/fd\/(\d+)/g)].map((match) => Number(match[1]));
      for (const number of numbers) expect(number).toBeLessThan(3 + files.length);
    }
  });

  it("uses hardware where there is some", () => {
    const text = restoreCommand(restore, { ...tcg, accelerator: "kvm" }).args.join(" ");
    expect(text).toContain("-accel kvm -cpu host");
  });
});
