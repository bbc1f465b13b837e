import { WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { HostMetrics } from "../metrics.ts";
import { Failpoints } from "./failpoints.ts";
import { operate } from "./steps.ts";

function newHost() {
  const none = () => ({});
  const zero = () => Promise.resolve(0);
  const readings = { machinesByState: none, warmByTemplate: none, freeDiskBytes: zero, slotsInUse: zero };
  return { failpoints: new Failpoints(undefined), metrics: new HostMetrics(readings) };
}

/** Labels of what was counted, as text. */
async function counted({ metrics }: { metrics: HostMetrics }): Promise<string[]> {
  const all = JSON.parse(await metrics.toJson()) as {
    values: { metricName?: string; labels: Record<string, string>; value: number }[];
  }[];
  return all
    .flatMap(({ values }) => values)
    .filter(({ metricName }) => /^wrenn_.*_count$/.test(metricName ?? ""))
    .map(({ labels, value }) => `${Object.values(labels).join(" ")}: ${value}`);
}

describe("operate", () => {
  it("measures an operation and each of its phases", async () => {
    const host = newHost();
    const answer = await operate(host, "claim", async (progress) => {
      await progress.done("adopt");
      await progress.done("guest_init");
      return Object.keys(progress.toRecord());
    });
    expect(answer).toEqual(["adopt", "guest_init", "total"]);
    expect(await counted(host)).toEqual(["claim ok: 1", "claim adopt: 1", "claim guest_init: 1"]);
  });

  it("counts a failure by its code and passes it on", async () => {
    const host = newHost();
    const error = new WrennError("no_free_slot", "all slots are in use");
    const failing = operate(host, "create", async (progress) => {
      await progress.done("template");
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(await counted(host)).toEqual(["create no_free_slot: 1"]);
  });
});
