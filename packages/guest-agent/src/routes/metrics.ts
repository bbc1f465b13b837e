/** `GET /metrics`: CPU, memory and disk of the machine, now. */
import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import type { GuestMetrics } from "@wrenn/protocol/guest-http";
import type { Agent } from "../agent.ts";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import { monotonicMs } from "../system/clock.ts";
import { CpuUsage } from "../system/cpu-usage.ts";

const MIB = 1024 * 1024;

export function metricsRoute({ kernel, root }: Pick<Agent, "kernel" | "root">): RouteHandler {
  const cpu = new CpuUsage();
  return async (_request, response) => {
    const { count, usedPercent } = cpu.read(readFileSync("/proc/stat", "latin1"), monotonicMs());
    const { total, available, cache } = kernel.memory();
    const { bsize, blocks, bfree } = await statfs(root);
    const metrics: GuestMetrics = {
      ts: Math.floor(Date.now() / 1000),
      cpu_count: count,
      cpu_used_pct: Math.round(usedPercent * 100) / 100,
      mem_total_mib: Math.floor(total / MIB),
      mem_used_mib: Math.floor((total - available) / MIB),
      mem_total: total,
      mem_used: total - available,
      mem_cache: cache,
      disk_used: (blocks - bfree) * bsize,
      disk_total: blocks * bsize,
    };
    sendJson(response, 200, metrics);
  };
}
