/** Machines and events as protobuf messages. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  MetricPointSchema,
  SandboxInfoSchema,
  SnapshotInfoSchema,
  WatchSandboxesResponseSchema,
} from "@wrenn/protocol/gen/hostagent_pb";
import type { MetricPoint } from "../machines/history.ts";
import type { Machine } from "../machines/registry.ts";
import type { WatchEvent } from "../machines/watch.ts";
import { slotAddresses } from "../network/addresses.ts";
import type { Snapshot } from "../snapshots/folder.ts";

export function sandboxInfo({ record, live, activity }: Machine) {
  return {
    sandboxId: record.id,
    status: record.state,
    template: record.template,
    templateId: record.templateId,
    teamId: record.teamId,
    vcpus: record.vcpus,
    memoryMb: record.memoryMb,
    timeoutSec: record.timeoutSec,
    hostIp: live?.slot.capsuleAddress ?? (record.slot === undefined ? "" : slotAddresses(record.slot).capsuleAddress),
    createdAtUnix: BigInt(Math.floor(record.createdAt / 1000)),
    lastActiveAtUnix: BigInt(Math.floor(activity.lastActiveAt / 1000)),
    metadata: record.metadata,
    endReason: record.endReason ?? "",
    endMessage: record.endMessage ?? "",
    pauseReason: record.pauseReason ?? "",
    pausedAtUnix: BigInt(Math.floor((record.pausedAt ?? 0) / 1000)),
    endedAtUnix: BigInt(Math.floor((record.endedAt ?? 0) / 1000)),
    diskSizeMb: record.diskSizeMb,
    generation: record.generation,
    accessToken: record.accessToken,
  } satisfies MessageInitShape<typeof SandboxInfoSchema>;
}

export function snapshotInfo(id: string, { manifest }: Snapshot) {
  const { vcpus, memoryMb, diskSizeMb, ownBytes, template, kernelVersion } = manifest;
  return {
    snapshotId: id,
    vcpus,
    memoryMb,
    diskSizeMb,
    sizeBytes: BigInt(ownBytes),
    template,
    metadata: { kernel_version: kernelVersion, snapshot_format: manifest.snapshotFormat },
  } satisfies MessageInitShape<typeof SnapshotInfoSchema>;
}

export function metricPoints(points: readonly MetricPoint[]) {
  return points.map(({ at, cpuPct, memBytes, diskBytes }) => {
    return { timestampUnix: BigInt(at), cpuPct, memBytes: BigInt(memBytes), diskBytes: BigInt(diskBytes) };
  }) satisfies MessageInitShape<typeof MetricPointSchema>[];
}

/** In order of time. */
export function phaseList(phases: Readonly<Record<string, number>>) {
  return Object.entries(phases).map(([name, ms]) => ({ name, ms }));
}

export function watchMessage(event: WatchEvent): MessageInitShape<typeof WatchSandboxesResponseSchema> {
  switch (event.kind) {
    case "snapshot":
      return { event: { case: "snapshot", value: { sandboxes: event.machines.map(sandboxInfo) } } };
    case "changed":
      return { event: { case: "changed", value: sandboxInfo(event.machine) } };
    case "removed":
      return { event: { case: "removed", value: { sandboxId: event.id } } };
    case "keepalive":
      return { event: { case: "keepalive", value: {} } };
  }
}
