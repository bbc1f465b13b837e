/** The control plane's metrics and those of the hosts as one text for Prometheus. */
import { AggregatorRegistry, prometheusContentType } from "prom-client";
import type { HostMetrics } from "./hosts.ts";

export const CONTENT_TYPE = prometheusContentType;

/** Every series of a host carries its id as the label `host`; those of the control plane itself carry none. */
export function exposition(own: readonly object[], hosts: readonly HostMetrics[]): Promise<string> {
  const failed = {
    name: "wrenn_host_scrape_failed",
    help: "1 for a host that did not give its metrics for this answer, else 0",
    type: "gauge",
    values: hosts.map(({ host, metrics }) => ({ value: metrics === undefined ? 1 : 0, labels: { host } })),
  };
  const ofHosts = hosts.flatMap(({ host, metrics = [] }) =>
    metrics.map((metric) => ({
      ...metric,
      values: metric.values.map((series) => ({ ...series, labels: { ...series.labels, host } })),
    })),
  );
  // No two series are the same, so there is nothing to aggregate and nothing may be left out.
  const all = [...own, failed, ...ofHosts].map((metric) => ({ ...metric, aggregator: "first" }));
  return AggregatorRegistry.aggregate([all]).metrics();
}
