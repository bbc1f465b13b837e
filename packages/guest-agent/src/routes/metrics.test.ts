import { statfsSync } from "node:fs";
import { cpus } from "node:os";
import type { GuestMetrics } from "@wrenn/protocol/guest-http";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";

const MIB = 1024 * 1024;

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

it("measures the machine", async () => {
  fixture.kernel.freeBytes = 100 * MIB;
  fixture.kernel.cachedBytes = 200 * MIB + 1;
  const startedAt = Math.floor(Date.now() / 1000);
  const metrics = (await (await fetch(`${fixture.url}/metrics`)).json()) as GuestMetrics;
  expect(metrics).toEqual({
    ts: expect.any(Number),
    cpu_count: cpus().length,
    cpu_used_pct: expect.any(Number),
    mem_total_mib: 512,
    // What is cached is not used.
    mem_used_mib: 211,
    mem_total: 512 * MIB,
    mem_used: 212 * MIB - 1,
    mem_cache: 200 * MIB + 1,
    disk_used: expect.any(Number),
    disk_total: expect.any(Number),
  });
  expect(metrics.ts).toBeGreaterThanOrEqual(startedAt);
  expect(metrics.cpu_used_pct).toBeGreaterThan(0);
  expect(metrics.cpu_used_pct).toBeLessThanOrEqual(100);
  const { bsize, blocks } = statfsSync(fixture.root);
  expect(metrics.disk_total).toBe(bsize * blocks);
  expect(metrics.disk_used).toBeGreaterThan(0);
  expect(metrics.disk_used).toBeLessThan(metrics.disk_total);
});

it("answers /envs with the default variables", async () => {
  const body = JSON.stringify({ envVars: { A: "1", B: "ü" } });
  await fetch(`${fixture.url}/init`, { method: "POST", body });
  expect(await (await fetch(`${fixture.url}/envs`)).json()).toEqual({ A: "1", B: "ü" });
});
