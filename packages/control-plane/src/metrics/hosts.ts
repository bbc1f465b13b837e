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

/** What prom-client writes as JSON. A value that is not a number yet, such as the mean of nothing, is null there and left out here. */
const metricsSchema = z.array(
  z.object({
    name,
    help: z.string(),
    type: z.enum(["counter", "gauge", "histogram", "summary"]),
    values: z
      .array(
        z.object({
          value: z.number().nullable(),
          labels: z.record(name, z.union([z.string(), z.number()])),
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
        return { host, metrics: metricsSchema.parse(JSON.parse(json)) };
      } catch (error) {
        logger.warn({ event: "host_scrape_failed", host, err: error });
        return { host, metrics: undefined };
      }
    }),
  );
}
