/** Asks the hosts for their metrics, all at once; one that does not answer in time delays nobody. */
import { type Id, idFromUuid } from "@wrenn/protocol/ids";
import type { Logger } from "@wrenn/runtime/logger";
import { z } from "zod";
import type { Database } from "../db/database.ts";
import type { HostClients } from "../hosts/clients.ts";
import { listHosts } from "../hosts/registry.ts";

/** Well below the ten seconds that Prometheus waits for an answer. */
const DEADLINE_MS = 2000;

const name = z.string().regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/);

/** What host agents measure, and of what type. A host of a team is not believed anything about anything else. */
const TYPES: Readonly<Record<string, string>> = {
  wrenn_operation_seconds: "histogram",
  wrenn_operation_phase_seconds: "histogram",
  wrenn_machines: "gauge",
  wrenn_warm_machines: "gauge",
  wrenn_disk_free_bytes: "gauge",
  wrenn_network_slots_in_use: "gauge",
};
/** What every process of Node measures. */
const OF_PROCESS = /^(process|nodejs)_/;
/** What is added to a name in the series of a histogram or a summary. */
const SUFFIXES = ["", "_bucket", "_sum", "_count"];
/** Some times what a host has when every operation has been used. */
const MAX_SERIES = 10_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;
/** Of a label's value. */
const MAX_VALUE_LENGTH = 200;

/** What prom-client writes as JSON. A value that is not a number yet, such as the mean of nothing, is null there and left out here. */
const metricsSchema = z.array(
  z.object({
    name,
    help: z.string().max(1000),
    type: z.enum(["counter", "gauge", "histogram", "summary"]),
    values: z
      .array(
        z.object({
          value: z.number().nullable(),
          labels: z.record(name, z.union([z.string().max(MAX_VALUE_LENGTH), z.number()])),
          metricName: name.optional(),
        }),
      )
      .transform((values) => values.filter(({ value }) => value !== null)),
  }),
);

export type Metrics = z.infer<typeof metricsSchema>;

export interface HostMetrics {
  readonly host: Id<"host">;
  /** undefined when the host gave none */
  readonly metrics: Metrics | undefined;
}

export interface ScrapeDeps {
  readonly db: Database;
  readonly hosts: HostClients;
  readonly logger: Logger;
}

/** The metrics of every host that counts as reachable. */
export async function scrapeHosts({ db, hosts, logger }: ScrapeDeps): Promise<HostMetrics[]> {
  const reachable = (await listHosts(db)).filter(({ status }) => status === "online" || status === "draining");
  return Promise.all(
    reachable.map(async (row) => {
      const host = idFromUuid("host", row.id);
      try {
        const { json } = await hosts.get(row).unary.getMetrics({}, { timeoutMs: DEADLINE_MS });
        return { host, metrics: readMetrics(json) };
      } catch (error) {
        logger.warn({ event: "host_scrape_failed", host, err: error });
        return { host, metrics: undefined };
      }
    }),
  );
}

/** @throws for what is too much, or no metrics */
export function readMetrics(json: string): Metrics {
  if (json.length > MAX_CHARACTERS) throw new Error(`a host's metrics have ${json.length} characters`);
  const metrics = metricsSchema.parse(JSON.parse(json)).filter(isOfHost);
  const series = metrics.reduce((sum, { values }) => sum + values.length, 0);
  if (series > MAX_SERIES) throw new Error(`a host's metrics have ${series} series`);
  return metrics;
}

function isOfHost({ name: own, type, values }: Metrics[number]): boolean {
  const known = TYPES[own] === type || OF_PROCESS.test(own);
  return known && values.every(({ metricName = own }) => SUFFIXES.some((suffix) => metricName === own + suffix));
}
