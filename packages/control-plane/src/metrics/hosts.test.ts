import { describe, expect, it } from "vitest";
import { metricsOfHostAgent } from "../testing/real-metrics.ts";
import { readMetrics } from "./hosts.ts";

const gauge = (name: string, values: object[] = [{ value: 1, labels: {} }]) => ({
  name,
  help: "h",
  type: "gauge",
  values,
});
const read = (...metrics: object[]) => readMetrics(JSON.stringify(metrics)).map(({ name }) => name);

describe("what a host says of itself", () => {
  it("is taken as it is when it comes from a host agent", async () => {
    const json = await metricsOfHostAgent();
    const known = (JSON.parse(json) as { name: string }[]).map(({ name }) => name);
    expect(known).toContain("wrenn_machines");
    expect(readMetrics(json).map(({ name }) => name)).toEqual(known);
  });

  it("is left out when it is about something else, or of another type", () => {
    expect(read(gauge("wrenn_capsules"), gauge("wrenn_hosts"), gauge("up"), gauge("wrenn_machines"))).toEqual([
      "wrenn_machines",
    ]);
    expect(read(gauge("wrenn_operation_seconds"), { ...gauge("wrenn_machines"), type: "counter" })).toEqual([]);
    const asAnother = [{ value: 1, labels: {}, metricName: "wrenn_capsules" }];
    expect(read(gauge("wrenn_machines", asAnother), gauge("process_x", asAnother))).toEqual([]);
  });

  it("is refused when it is too much", () => {
    const values = Array.from({ length: 10_001 }, (_, i) => ({ value: i, labels: { state: `s${i}` } }));
    expect(() => read(gauge("wrenn_machines", values))).toThrow("10001 series");
    expect(() => readMetrics(" ".repeat(5 * 1024 * 1024))).toThrow("characters");
    expect(() => read(gauge("wrenn_machines", [{ value: 1, labels: { state: "x".repeat(201) } }]))).toThrow();
  });
});
