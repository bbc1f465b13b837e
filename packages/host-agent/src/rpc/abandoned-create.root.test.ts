import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { fromConnectError } from "@wrenn/protocol/connect-errors";
import { WrennError } from "@wrenn/protocol/errors";
import { CreateSandboxRequestSchema, DestroySandboxRequestSchema } from "@wrenn/protocol/gen/hostagent_pb";
import { newId } from "@wrenn/protocol/ids";
import { KeyedMutex, Semaphore } from "@wrenn/runtime/locks";
import { createLogger } from "@wrenn/runtime/logger";
import { identify, isAlive, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HostContext } from "../host.ts";
import { Failpoints } from "../machines/failpoints.ts";
import { Journal } from "../machines/journal.ts";
import { Machines } from "../machines/registry.ts";
import { releaseResources } from "../machines/resources.ts";
import type { WarmMachine } from "../machines/warm.ts";
import { HostMetrics } from "../metrics.ts";
import { slotAddresses } from "../network/addresses.ts";
import { describe as describeSnapshot } from "../snapshots/folder.ts";
import type { RestoreSpec, Vm, VmmDriver } from "../vmm/contract.ts";
import { hostAgentService } from "./service.ts";

const SHAPE = { template: "minimal", vcpus: 1, memoryMb: 512 };
const WARM = "warm-1";

/** VMMs that say nothing: whoever waits for one waits until it is killed. */
class SilentVmms {
  readonly started: ProcessIdentity[] = [];
  readonly names: string[] = [];

  launch(name: string): { process: ProcessIdentity; exited: Promise<unknown> } {
    const child = spawn("sleep", ["600"]);
    const process = identify(child.pid ?? 0);
    if (process === undefined) throw new Error("sleep does not run");
    this.started.push(process);
    this.names.push(name);
    return { process, exited: once(child, "exit") };
  }

  get alive(): number {
    return this.started.filter(isAlive).length;
  }

  readonly restore: VmmDriver["restore"] = async ({ name }: RestoreSpec, onPhase) => {
    const { process, exited } = this.launch(name);
    await onPhase("vmm_start", process);
    await exited;
    throw new WrennError("vmm_failed", "the VMM ended");
  };
}

let dir: string;
let vmms: SilentVmms;
let held: Map<number, string>;
let shelf: WarmMachine[];
let host: HostContext;

beforeEach(async () => {
  dir = await mkdtemp(`${tmpdir()}/wrenn-abandoned-`);
  await Promise.all(["machines", "run", "template"].map((name) => mkdir(`${dir}/${name}`)));
  vmms = new SilentVmms();
  held = new Map();
  shelf = [];
  host = newHost();
});

afterEach(async () => {
  for (const { pid } of vmms.started.filter(isAlive)) process.kill(pid, "SIGKILL");
  await rm(dir, { recursive: true });
});

const template = () =>
  describeSnapshot(`${dir}/template`, {
    ...SHAPE,
    version: 1,
    createdAt: "",
    diskSizeMb: 1024,
    generation: 0,
    snapshotFormat: "",
    kernelVersion: "",
    baseImage: "",
    agentDisk: "",
    memoryId: "",
    layers: 0,
    files: {},
    ownBytes: 0,
  });

function newHost(): HostContext {
  const none = () => ({});
  const zero = () => Promise.resolve(0);
  const journal = new Journal(`${dir}/machines`);
  const fake = {
    config: { minFreeDiskMb: 0 },
    layout: { dir, machines: `${dir}/machines`, run: `${dir}/run` },
    logger: createLogger("host-agent", "silent"),
    cgroups: { remove: async () => {} },
    journal,
    machines: new Machines((id) => journal.recordFile(id)),
    unborn: new Set(),
    unreadable: new Set(),
    slots: {
      acquire: async (holder: string) => {
        const slot = slotAddresses(held.size + 1);
        held.set(slot.slot, holder);
        return slot;
      },
      release: async ({ slot }: { slot: number }) => void held.delete(slot),
    },
    overlays: { make: (path: string) => writeFile(path, "") },
    driver: { restore: vmms.restore },
    locks: new KeyedMutex(),
    createLimit: new Semaphore(1),
    templates: { ensure: async () => ({ snapshot: template(), fresh: false }) },
    creates: new Set(),
    flattening: new Map(),
    failpoints: new Failpoints(undefined),
    metrics: new HostMetrics({ machinesByState: none, warmByTemplate: none, freeDiskBytes: zero, slotsInUse: zero }),
    warmPool: { take: () => shelf.shift() },
    versions: {},
  };
  return fake as unknown as HostContext;
}

/** One that waits for an owner, and whose guest never answers who tells it. */
async function shelve(told: () => void): Promise<void> {
  const folder = host.journal.machineDir(WARM);
  await mkdir(folder);
  await mkdir(`${dir}/run/${WARM}`);
  host.unborn.add(WARM);
  const slot = await host.slots.acquire(WARM);
  const { process, exited } = vmms.launch(WARM);
  const vm = {
    process,
    exited: exited.then(() => ({ kind: "killed", message: "" })),
    growDisk: async () => {},
    kill: async () => {
      if (isAlive(process)) globalThis.process.kill(process.pid, "SIGKILL");
      await exited;
    },
  } as unknown as Vm;
  const init = () => {
    told();
    return new Promise<never>(() => {});
  };
  const guest = { clock: async () => ({ offsetMs: 0 }), init, close: () => {} } as unknown as WarmMachine["guest"];
  const live = { vm, guest, slot };
  const discard = async () => {
    await releaseResources(host, { vmName: WARM, slot: slot.slot }, live);
    await host.journal.remove(WARM);
    host.unborn.delete(WARM);
  };
  shelf.push({ ...live, overlay: "", init: {}, name: WARM, folder, snapshot: template(), discard });
}

const context = {} as HandlerContext;

/** The code of the error that the create ends with. */
async function createCode(id: string): Promise<string> {
  const request = create(CreateSandboxRequestSchema, { sandboxId: id, ...SHAPE });
  try {
    await hostAgentService(host).createSandbox(request, context);
    return "created";
  } catch (error) {
    return fromConnectError(error, "host").code;
  }
}

const destroy = (id: string) =>
  hostAgentService(host).destroySandbox(create(DestroySandboxRequestSchema, { sandboxId: id }), context);

/** Everything that a create may leave behind. */
async function traces() {
  return {
    slots: [...held.values()],
    machines: await readdir(host.layout.machines),
    run: await readdir(host.layout.run),
    listed: host.machines.list().length,
    names: [...host.unborn],
    creates: host.creates.size,
    vmms: vmms.alive,
  };
}

describe("a destroy", () => {
  it("ends a create whose VMM does not answer", async () => {
    const before = await traces();
    const id = newId("capsule");
    const code = createCode(id);
    await vi.waitFor(() => expect(vmms.alive).toBe(1));
    await destroy(id);
    expect(await code).toBe("invalid_state");
    expect(await traces()).toEqual(before);
  });

  it("ends a create that waits for its turn, and whoever stands before and behind it keeps theirs", async () => {
    const empty = await traces();
    const [first, second, third] = [newId("capsule"), newId("capsule"), newId("capsule")];
    const entered = vi.spyOn(host.createLimit, "run");
    const running = createCode(first);
    await vi.waitFor(() => expect(vmms.alive).toBe(1));
    const queued = createCode(second);
    await vi.waitFor(() => expect(entered).toHaveBeenCalledTimes(2));
    const behind = createCode(third);
    await vi.waitFor(() => expect(entered).toHaveBeenCalledTimes(3));
    await destroy(second);
    expect(await queued).toBe("invalid_state");
    expect(vmms.names).toEqual([first]);
    await destroy(first);
    expect(await running).toBe("invalid_state");
    await vi.waitFor(() => expect(vmms.names).toEqual([first, third]));
    await destroy(third);
    expect(await behind).toBe("invalid_state");
    expect(await traces()).toEqual(empty);
  });

  it("ends a create that makes a waiting machine its own, and the machine with it", async () => {
    const empty = await traces();
    const told = Promise.withResolvers<void>();
    await shelve(() => told.resolve());
    const id = newId("capsule");
    const code = createCode(id);
    await told.promise;
    await destroy(id);
    expect(await code).toBe("invalid_state");
    expect(await traces()).toEqual(empty);
    // Nor is it made from scratch.
    expect(vmms.names).toEqual([WARM]);
  });

  it("leaves a waiting machine to others when its create has not taken it yet", async () => {
    await shelve(() => {});
    const waiting = await traces();
    const id = newId("capsule");
    const before = Promise.withResolvers<void>();
    const holder = host.locks.run(id, () => before.promise);
    const code = createCode(id);
    const destroyed = destroy(id);
    before.resolve();
    await Promise.all([holder, destroyed]);
    expect(await code).toBe("invalid_state");
    expect(shelf.length).toBe(1);
    expect(await traces()).toEqual(waiting);
  });
});
