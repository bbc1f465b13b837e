import { WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { HostMetrics, type HostReadings } from "./metrics.ts";

interface Series {
  readonly metricName?: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

const readings: HostReadings = {
  machinesByState: () => ({ running: 2, paused: 1 }),
  warmByTemplate: () => ({ minimal: 3 }),
  freeDiskBytes: async () => 4096,
  slotsInUse: async () => 5,
};

async function series(metrics: HostMetrics, name: string): Promise<Series[]> {
  const all = JSON.parse(await metrics.toJson()) as { name: string; values: Series[] }[];
  return all.find((metric) => metric.name === name)?.values ?? [];
}

/** The histogram's series of that ending, as [labels, value]. */
async function ending(metrics: HostMetrics, name: string, end: "sum" | "count") {
  const found = (await series(metrics, name)).filter(({ metricName }) => metricName === `${name}_${end}`);
  return found.map(({ labels, value }) => [labels, value]);
}

describe("HostMetrics", () => {
  it("has the phases and the whole of an operation that succeeded, in seconds", async () => {
    const metrics = new HostMetrics(readings);
    metrics.succeeded("pause", { stop: 250, publish: 500, total: 750 });
    expect(await ending(metrics, "wrenn_operation_phase_seconds", "sum")).toEqual([
      [{ operation: "pause", phase: "stop" }, 0.25],
      [{ operation: "pause", phase: "publish" }, 0.5],
    ]);
    expect(await ending(metrics, "wrenn_operation_seconds", "sum")).toEqual([
      [{ operation: "pause", outcome: "ok" }, 0.75],
    ]);
  });

  it("counts a failed operation by the code of its error, without phases", async () => {
    const metrics = new HostMetrics(readings);
    const phases = { network: 1, total: 2 };
    metrics.failed("create", phases, new WrennError("disk_full", "full"));
    metrics.failed("create", phases, new WrennError("disk_full", "still full"));
    metrics.failed("create", phases, new TypeError("a mistake"));
    metrics.failed("flatten", phases, new DOMException("somebody wants the machine", "AbortError"));
    expect(await ending(metrics, "wrenn_operation_seconds", "count")).toEqual([
      [{ operation: "create", outcome: "disk_full" }, 2],
      [{ operation: "create", outcome: "internal_error" }, 1],
      [{ operation: "flatten", outcome: "aborted" }, 1],
    ]);
    expect(await series(metrics, "wrenn_operation_phase_seconds")).toEqual([]);
  });

  it("reads the gauges anew for every scrape", async () => {
    let machines: Record<string, number> = { running: 2, paused: 1 };
    const metrics = new HostMetrics({ ...readings, machinesByState: () => machines });
    expect(await series(metrics, "wrenn_machines")).toMatchObject([
      { labels: { state: "running" }, value: 2 },
      { labels: { state: "paused" }, value: 1 },
    ]);
    machines = { running: 7 };
    expect(await series(metrics, "wrenn_machines")).toMatchObject([{ labels: { state: "running" }, value: 7 }]);
    expect(await series(metrics, "wrenn_warm_machines")).toMatchObject([{ labels: { template: "minimal" }, value: 3 }]);
    expect(await series(metrics, "wrenn_disk_free_bytes")).toMatchObject([{ labels: {}, value: 4096 }]);
    expect(await series(metrics, "wrenn_network_slots_in_use")).toMatchObject([{ labels: {}, value: 5 }]);
  });

  it("has the process's own figures", async () => {
    const [memory] = await series(new HostMetrics(readings), "process_resident_memory_bytes");
    expect(memory?.value).toBeGreaterThan(1_000_000);
  });
});
