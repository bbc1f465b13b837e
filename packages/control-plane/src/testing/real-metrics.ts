/** The metrics of a host agent that has done something. */
import { HostMetrics } from "@wrenn/host-agent/metrics";
import { WrennError } from "@wrenn/protocol/errors";

/** As it sends them. */
export function metricsOfHostAgent(): Promise<string> {
  const metrics = new HostMetrics({
    machinesByState: () => ({ running: 1 }),
    warmByTemplate: () => ({ minimal: 1 }),
    freeDiskBytes: async () => 1,
    slotsInUse: async () => 1,
  });
  metrics.succeeded("create", { total: 1, boot: 1 });
  metrics.failed("create", { total: 1 }, new WrennError("not_found", "gone"));
  return metrics.toJson();
}
