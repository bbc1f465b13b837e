/** Which VMM runs the capsules of this host. */
import { basename } from "node:path";
import type { HostConfig } from "../config.ts";
import { detectAccelerator } from "../setup/accelerator.ts";
import { findQemu, formatVersion, isWanted } from "../setup/qemu.ts";
import { tscKhz } from "../setup/tsc.ts";
import type { Cgroups } from "./cgroup.ts";
import type { VmmDriver } from "./contract.ts";
import { MACHINE_LAYOUT } from "./qemu/args.ts";
import { QemuDriver } from "./qemu/driver.ts";

export interface SelectedVmm {
  readonly driver: VmmDriver;
  readonly qemuImg: string;
  /** frequency of the host's time stamp counter */
  readonly tscKhz: number;
}

/** @throws program_missing */
export async function selectVmm(config: HostConfig, cgroups: Cgroups): Promise<SelectedVmm> {
  const qemu = await findQemu({ cache: config.layout.cache, override: config.qemu });
  const { accelerator } = await detectAccelerator();
  const version = formatVersion(qemu.version);
  const capabilities = {
    vmm: "qemu",
    version,
    accelerator,
    readonlyTemplates: isWanted(qemu.version),
    snapshotFormat: `qemu-${version}-${accelerator}-${qemu.args.map((arg) => basename(arg)).join(" ")}-${MACHINE_LAYOUT}`,
  } as const;
  return {
    driver: new QemuDriver({ binary: qemu.binary, args: qemu.args }, capabilities, cgroups),
    qemuImg: qemu.img,
    tscKhz: await tscKhz(),
  };
}
