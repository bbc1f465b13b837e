/** Everything the host agent's operations share, built once at start. */
import { chmod, mkdir } from "node:fs/promises";
import { type Layout, SLOT_CLAIMS } from "@wrenn/runtime/layout";
import { KeyedMutex, Semaphore } from "@wrenn/runtime/locks";
import { createLogger } from "@wrenn/runtime/logger";
import type { HostConfig } from "./config.ts";
import { freeSpaceMb, OverlayMaker } from "./disk/overlay.ts";
import type { HostBase, HostContext } from "./host.ts";
import { loadArtifacts } from "./images/artifacts.ts";
import { Failpoints } from "./machines/failpoints.ts";
import { Journal } from "./machines/journal.ts";
import { Machines } from "./machines/registry.ts";
import { Sampler } from "./machines/sampler.ts";
import { makeWarm } from "./machines/warm.ts";
import { WarmPool } from "./machines/warm-pool.ts";
import { HostMetrics } from "./metrics.ts";
import { NOBODY, SlotClaims } from "./network/claims.ts";
import { SlotPool } from "./network/pool.ts";
import { hostResolver } from "./network/resolver.ts";
import { openTunToVmms } from "./network/tun.ts";
import { SnapshotStore } from "./snapshots/store.ts";
import { buildTemplate } from "./templates/build.ts";
import { kernelArgs } from "./templates/kernel-args.ts";
import { TemplateStore } from "./templates/store.ts";
import { AGENT_VERSION } from "./version.ts";
import { Cgroups } from "./vmm/cgroup.ts";
import { selectVmm } from "./vmm/select.ts";

export async function createHostBase(config: HostConfig): Promise<HostBase> {
  const { layout } = config;
  const logger = createLogger("host-agent", config.logLevel);
  await makeFolders(layout);
  const resolver = hostResolver();
  const claims = new SlotClaims(SLOT_CLAIMS, layout.dir, config.slots);
  const journal = new Journal(layout.machines);
  return {
    config,
    layout,
    logger,
    cgroups: await Cgroups.open(layout.instance),
    journal,
    machines: new Machines((id) => journal.recordFile(id)),
    unborn: new Set(),
    unreadable: new Set(),
    claims,
    slots: new SlotPool({ claims, target: config.slotPool, resolver, logger }),
    resolver,
  };
}

/** @throws setup_required, program_missing, kernel_invalid, artifact_corrupt */
export async function createHostContext(config: HostConfig): Promise<HostContext> {
  const { cache } = config.layout;
  const artifacts = await loadArtifacts({ cache, kernelPath: config.kernel, kernelModulesPath: config.kernelModules });
  const base = await createHostBase(config);
  await openTunToVmms();
  const vmm = await selectVmm(config, base.cgroups);
  const { accelerator, version } = vmm.driver.capabilities;
  const args = kernelArgs({ accelerator, tscKhz: vmm.tscKhz });
  // The measured frequency differs by a little from boot to boot, and that makes no other snapshot.
  const argsOfKey = kernelArgs({ accelerator, tscKhz: Math.round(vmm.tscKhz / 10_000) * 10_000 });
  const host: HostContext = {
    ...base,
    artifacts,
    kernelArgs: args,
    driver: vmm.driver,
    locks: new KeyedMutex(),
    createLimit: new Semaphore(config.createConcurrency),
    snapshots: new SnapshotStore(base.layout.snapshots, vmm.driver.capabilities),
    overlays: new OverlayMaker(base.layout.overlays, vmm.qemuImg),
    creates: new Set(),
    flattening: new Map(),
    failpoints: new Failpoints(config.failpoints ? `${base.layout.dir}/failpoint` : undefined),
    metrics: newMetrics(base, () => host.warmPool),
    sampler: new Sampler(base),
    warmPool: new WarmPool(config.warmPool, (target) => makeWarm(host, target), base.logger),
    templates: new TemplateStore({
      folder: base.layout.templates,
      artifacts,
      host: vmm.driver.capabilities,
      kernelArgs: argsOfKey,
      logger: base.logger,
      build: (_name, shape, baseImage, target) => buildTemplate(host, shape, baseImage, target),
    }),
    versions: { vmm: "qemu", vmm_version: version, accelerator, agent_version: AGENT_VERSION },
  };
  return host;
}

function newMetrics({ machines, claims, layout }: HostBase, warmPool: () => WarmPool): HostMetrics {
  return new HostMetrics({
    machinesByState: () => machines.countByState,
    warmByTemplate: () => warmPool().waiting,
    freeDiskBytes: async () => (await freeSpaceMb(layout.dir)) * 1024 * 1024,
    slotsInUse: async () => (await claims.own()).filter(({ holder }) => holder !== NOBODY).length,
  });
}

/** VMMs reach their files by inherited descriptors, so only root needs to see these folders. */
async function makeFolders(layout: Layout): Promise<void> {
  await mkdir(layout.dir, { recursive: true, mode: 0o700 });
  await mkdir(layout.templates, { recursive: true, mode: 0o700 });
  await mkdir(layout.snapshots, { recursive: true, mode: 0o700 });
  await mkdir(layout.machines, { recursive: true, mode: 0o700 });
  // A VMM makes its control socket in a folder of its own below this one.
  await mkdir(layout.run, { recursive: true, mode: 0o711 });
  await chmod(layout.run, 0o711);
}
