import type { CapsuleMetrics } from "@wrenn/protocol/rest/metrics";
import { describe, expect, it } from "vitest";
import { FakeApi } from "../testing/fake-api.ts";

const MIB = 1024 * 1024;

const METRICS: CapsuleMetrics = {
  sandbox_id: "cl-a",
  range: "1h",
  points: [
    { timestamp_unix: 1, cpu_pct: 50, mem_bytes: 300 * MIB, disk_bytes: 2 * MIB },
    { timestamp_unix: 31, cpu_pct: 1.5, mem_bytes: 100 * MIB, disk_bytes: 4 * MIB },
  ],
};

describe("wrenn stats", () => {
  it("shows the last, the average and the most of a range", async () => {
    await using api = await FakeApi.start({ "GET /v1/capsules/cl-a/metrics?range=1h": METRICS });
    const { stdout } = await api.wrenn("stats", "cl-a", "--range", "1h");
    expect(stdout).toMatch(/^CPU +1\.5 % +25\.8 % +50\.0 %$/m);
    expect(stdout).toMatch(/^MEMORY +100 MiB +200 MiB +300 MiB$/m);
    expect(stdout).toMatch(/^DISK +4 MiB +3 MiB +4 MiB$/m);
    const asJson = await api.wrenn("stats", "cl-a", "--range", "1h", "--json");
    expect(JSON.parse(asJson.stdout)).toEqual(METRICS);
  });

  it("says so when there is nothing, and refuses a range that there is not", async () => {
    await using api = await FakeApi.start({
      "GET /v1/capsules/cl-a/metrics?range=10m": { ...METRICS, points: [] },
    });
    expect(await api.wrenn("stats", "cl-a")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "nothing was measured in the last 10m\n",
    });
    expect((await api.wrenn("stats", "cl-a", "--range", "3h")).code).toBe(2);
  });
});

describe("wrenn usage", () => {
  it("shows the hours of each day", async () => {
    const points = [{ date: "2026-03-01", cpu_minutes: 90, ram_mb_minutes: 60 * 1024 * 2.5 }];
    const usage = { from: "2026-03-01", to: "2026-03-02", points };
    await using api = await FakeApi.start({ "GET /v1/capsules/usage?from=2026-03-01&to=2026-03-02": usage });
    const args = ["usage", "--from", "2026-03-01", "--to", "2026-03-02"];
    expect((await api.wrenn(...args)).stdout).toMatch(/^2026-03-01 +1\.50 +2\.50$/m);
    expect(JSON.parse((await api.wrenn(...args, "--json")).stdout)).toEqual(usage);
  });
});
