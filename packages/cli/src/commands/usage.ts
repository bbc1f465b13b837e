/** `wrenn stats` and `usage`: what a capsule uses, and what the team used. */
import { METRIC_RANGES, type MetricRange } from "@wrenn/protocol/metric-tiers";
import type { CapsuleMetrics } from "@wrenn/protocol/rest/metrics";
import { type Command, Option } from "commander";
import { apiClient, localInstance } from "../instance.ts";
import { json, note, out, size, table } from "../output/print.ts";
import type { JsonOption } from "./options.ts";

type Point = CapsuleMetrics["points"][number];

export function statsCommand(program: Command): void {
  program
    .command("stats <id>")
    .description("Show how much CPU, memory and disk a capsule uses, also after its end")
    .addOption(
      new Option("-r, --range <range>", "how far back").choices(Object.keys(METRIC_RANGES)).default("10m" as const),
    )
    .option("--json", "print all points as JSON")
    .action(async (id: string, options: { range: MetricRange } & JsonOption) => {
      const metrics = await apiClient(localInstance()).metrics(id, options.range);
      if (options.json === true) return json(metrics);
      if (metrics.points.length === 0) return note(`nothing was measured in the last ${options.range}`);
      out(table(["", "LAST", "AVERAGE", "MOST"], rows(metrics.points)));
    });
}

function rows(points: readonly Point[]): string[][] {
  const row = (name: string, value: (point: Point) => number, show: (value: number) => string) => {
    const values = points.map(value);
    const average = values.reduce((sum, one) => sum + one, 0) / values.length;
    return [name, show(values.at(-1) ?? 0), show(average), show(Math.max(...values))];
  };
  return [
    row("CPU", (point) => point.cpu_pct, percent),
    row("MEMORY", (point) => point.mem_bytes, size),
    row("DISK", (point) => point.disk_bytes, size),
  ];
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}

export function usageCommand(program: Command): void {
  program
    .command("usage")
    .description("Show what the team used on each day (UTC), today included")
    .option("--from <YYYY-MM-DD>", "first day (default 29 days before the last)")
    .option("--to <YYYY-MM-DD>", "last day (default today)")
    .option("--json", "print it as JSON")
    .action(async (options: { from?: string; to?: string } & JsonOption) => {
      const usage = await apiClient(localInstance()).usage({ from: options.from, to: options.to });
      if (options.json === true) return json(usage);
      const days = usage.points.map((day) => [day.date, hours(day.cpu_minutes), hours(day.ram_mb_minutes / 1024)]);
      out(table(["DATE", "VCPU HOURS", "GIB HOURS"], days));
    });
}

function hours(minutes: number): string {
  return (minutes / 60).toFixed(2);
}
