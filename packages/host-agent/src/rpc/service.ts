/** HostAgentService: turns messages into operations and back, and nothing else. */
import { machine as architecture, cpus, totalmem } from "node:os";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { toConnectError } from "@wrenn/protocol/connect-errors";
import { WrennError } from "@wrenn/protocol/errors";
import type {
  CreateSandboxRequest,
  CreateSnapshotRequest,
  DeleteSnapshotRequest,
  FlushSandboxMetricsRequest,
  ForkSandboxRequest,
  GetSandboxMetricsRequest,
  HostAgentService,
  PauseSandboxRequest,
  PingSandboxRequest,
  ResumeSandboxRequest,
  RollbackSandboxRequest,
} from "@wrenn/protocol/gen/hostagent_pb";
import { type Id, parseId } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";
import { METRIC_RANGES, type MetricRange } from "@wrenn/protocol/metric-tiers";
import { freeSpaceMb, totalSpaceMb } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { whileWanted } from "../machines/abandon.ts";
import { claimMachine } from "../machines/claim.ts";
import { type Created, createMachine } from "../machines/create.ts";
import { destroyMachine } from "../machines/destroy.ts";
import { forkMachine } from "../machines/fork.ts";
import { pauseMachine } from "../machines/pause.ts";
import type { Machine } from "../machines/registry.ts";
import { resumeMachine } from "../machines/resume.ts";
import { rollbackMachine } from "../machines/rollback.ts";
import { snapshotMachine } from "../machines/snapshot.ts";
import { watchMachines } from "../machines/watch.ts";
import { AGENT_VERSION } from "../version.ts";
import { metricPoints, phaseList, sandboxInfo, snapshotInfo, watchMessage } from "./messages.ts";

/** A reader learns within this time that the stream is dead. */
const KEEPALIVE_MS = 15_000;

export function hostAgentService(host: HostContext): ServiceImpl<typeof HostAgentService> {
  return {
    getHost: unary(() => describeHost(host)),
    createSandbox: unary(async (request: CreateSandboxRequest) => {
      const id = parseId("capsule", request.sandboxId);
      return started(await whileWanted(host, id, (wanted) => create(host, id, request, wanted)));
    }),
    destroySandbox: unary(async ({ sandboxId }: { sandboxId: string }) => {
      await destroyMachine(host, parseId("capsule", sandboxId));
      return {};
    }),
    pauseSandbox: unary(async ({ sandboxId }: PauseSandboxRequest) => {
      const { sizeBytes, phases } = await pauseMachine(host, parseId("capsule", sandboxId), "request");
      return { sizeBytes: BigInt(sizeBytes), phases: phaseList(phases) };
    }),
    resumeSandbox: unary(async ({ sandboxId, timeoutSec }: ResumeSandboxRequest) => {
      return started(await resumeMachine(host, parseId("capsule", sandboxId), timeoutSec));
    }),
    pingSandbox: unary(({ sandboxId }: PingSandboxRequest) => {
      host.machines.running(parseId("capsule", sandboxId)).activity.touch();
      return {};
    }),
    createSnapshot: unary(async ({ sandboxId, snapshotId, pause }: CreateSnapshotRequest) => {
      const taken = await snapshotMachine(host, parseId("capsule", sandboxId), uuid(snapshotId), pause);
      return { snapshot: snapshotInfo(snapshotId, taken.snapshot), phases: phaseList(taken.phases) };
    }),
    deleteSnapshot: unary(async ({ snapshotId }: DeleteSnapshotRequest) => {
      await host.snapshots.remove(uuid(snapshotId));
      return {};
    }),
    listSnapshots: unary(async () => {
      // Looked up first: one that is finished meanwhile is in both.
      const making = [...host.snapshots.making];
      const stored = await host.snapshots.list();
      return { snapshots: stored.map(({ id, snapshot }) => snapshotInfo(id, snapshot)), making };
    }),
    forkSandbox: unary((request: ForkSandboxRequest) => fork(host, request)),
    rollbackSandbox: unary(async ({ sandboxId, snapshotId }: RollbackSandboxRequest) => {
      return started(await rollbackMachine(host, parseId("capsule", sandboxId), uuid(snapshotId)));
    }),
    listSandboxes: unary(() => {
      // The control plane must not take a capsule for lost because this host cannot say how it is.
      const unreadable = [...host.unreadable].map((sandboxId) => ({ sandboxId, status: "unknown" }));
      return { sandboxes: [...host.machines.list().map(sandboxInfo), ...unreadable] };
    }),
    watchSandboxes: stream(async function* (_request: unknown, { signal }) {
      for await (const event of watchMachines(host.machines, KEEPALIVE_MS, signal)) yield watchMessage(event);
    }),
    getMetrics: unary(async () => ({ json: await host.metrics.toJson() })),
    getSandboxMetrics: unary(async ({ sandboxId, range }: GetSandboxMetricsRequest) => {
      return { points: metricPoints(await host.sampler.range(parseId("capsule", sandboxId), metricRange(range))) };
    }),
    flushSandboxMetrics: unary((request: FlushSandboxMetricsRequest) => flushMetrics(host, request)),
    getConsole: unary(async ({ sandboxId }: { sandboxId: string }) => {
      const { live } = host.machines.running(parseId("capsule", sandboxId));
      return { console: await live.vm.console() };
    }),
  };
}

async function create(
  host: HostContext,
  id: Id<"capsule">,
  request: CreateSandboxRequest,
  wanted: AbortSignal,
): Promise<Created> {
  const { template, snapshotId, templateId, teamId, timeoutSec, defaultUser, defaultEnv } = request;
  const diskSizeMb = within("disk_size_mb", request.diskSizeMb || LIMITS.diskSizeMb.default, LIMITS.diskSizeMb);
  const machine = { id, templateId, teamId, timeoutSec, defaultUser, defaultEnv, diskSizeMb };
  // A snapshot has a shape of its own.
  if (snapshotId !== "") {
    const folder = uuid(snapshotId);
    const origin = async () => ({ snapshot: await host.snapshots.open(folder), fresh: false });
    return createMachine(host, machine, origin, wanted);
  }
  const shape = {
    vcpus: within("vcpus", request.vcpus, LIMITS.vcpus),
    memoryMb: within("memory_mb", request.memoryMb, LIMITS.memoryMb),
  };
  const claimed = await claimMachine(host, machine, { template, ...shape }, wanted);
  return claimed ?? createMachine(host, machine, () => host.templates.ensure(template, shape), wanted);
}

async function fork(host: HostContext, { sandboxId, children }: ForkSandboxRequest) {
  const wanted = children.map((child) => ({
    id: parseId("capsule", child.sandboxId),
    teamId: child.teamId,
    timeoutSec: child.timeoutSec,
  }));
  const forked = await forkMachine(host, parseId("capsule", sandboxId), wanted);
  return { children: forked.children.map(started), phases: phaseList(forked.phases) };
}

async function flushMetrics(host: HostContext, { sandboxId }: FlushSandboxMetricsRequest) {
  const points = await host.sampler.flush(parseId("capsule", sandboxId));
  return {
    points10m: metricPoints(points["10m"]),
    points2h: metricPoints(points["2h"]),
    points24h: metricPoints(points["24h"]),
  };
}

/** What every operation that ends with a running machine answers. */
function started({ machine, phases }: { machine: Machine; phases: Readonly<Record<string, number>> }) {
  const { sandboxId, status, hostIp, metadata } = sandboxInfo(machine);
  return { sandboxId, status, hostIp, metadata, phases: phaseList(phases) };
}

/** It becomes the name of a folder. */
function uuid(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return text;
  throw new WrennError("invalid_request", "invalid snapshot ID");
}

function metricRange(text: string): MetricRange {
  if (Object.hasOwn(METRIC_RANGES, text)) return text as MetricRange;
  throw new WrennError("invalid_request", `range must be one of ${Object.keys(METRIC_RANGES).join(", ")}`);
}

function within(name: string, value: number, { min, max }: { min: number; max: number }): number {
  if (value >= min && value <= max) return value;
  throw new WrennError("invalid_request", `${name} is ${value} and must be from ${min} to ${max}`);
}

async function describeHost(host: HostContext) {
  const { vmm, version, accelerator } = host.driver.capabilities;
  return {
    agentVersion: AGENT_VERSION,
    vmm,
    vmmVersion: version,
    accelerator,
    cpuCores: cpus().length,
    memoryMb: BigInt(Math.floor(totalmem() / 1024 / 1024)),
    diskFreeMb: BigInt(await freeSpaceMb(host.layout.dir)),
    diskMb: BigInt(await totalSpaceMb(host.layout.dir)),
    arch: architecture(),
    templates: host.templates.names,
  };
}

/** The one place where failures of this service become Connect errors. */
function unary<Request, Response>(handle: (request: Request) => Response | Promise<Response>) {
  return async (request: Request): Promise<Response> => {
    try {
      return await handle(request);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}

function stream<Request, Response>(handle: (request: Request, context: HandlerContext) => AsyncGenerator<Response>) {
  return async function* (request: Request, context: HandlerContext): AsyncGenerator<Response> {
    try {
      yield* handle(request, context);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}
