/**
 * What the host counts and measures, in a registry of its own. Labels are words of closed lists and names from the
 * configuration: nothing that grows with capsules, teams or users.
 */
import { WrennError } from "@wrenn/protocol/errors";
import { isAbort } from "@wrenn/runtime/wait";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Seconds: from a step that only writes a record to a cold boot without KVM. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What is asked for at every scrape. A name that is left out stands for none. */
export interface HostReadings {
  machinesByState(): Readonly<Record<string, number>>;
  warmByTemplate(): Readonly<Record<string, number>>;
  freeDiskBytes(): Promise<number>;
  slotsInUse(): Promise<number>;
}

export class HostMetrics {
  readonly #registry = new Registry();
  readonly #operations = new Histogram({
    name: "wrenn_operation_seconds",
    help: "Duration of an operation on a machine by how it ended: ok, or the code of its error",
    labelNames: ["operation", "outcome"],
    buckets: BUCKETS,
    registers: [this.#registry],
  });
  readonly #phases = new Histogram({
    name: "wrenn_operation_phase_seconds",
    help: "Duration of one phase of an operation that succeeded",
    labelNames: ["operation", "phase"],
    buckets: BUCKETS,
    registers: [this.#registry],
  });

  constructor(readings: HostReadings) {
    collectDefaultMetrics({ register: this.#registry });
    this.#counts("wrenn_machines", "Machines of this host by state", "state", () => readings.machinesByState());
    this.#counts("wrenn_warm_machines", "Machines that wait for an owner", "template", () => readings.warmByTemplate());
    this.#reading("wrenn_disk_free_bytes", "Free space where the state folder is", () => readings.freeDiskBytes());
    this.#reading("wrenn_network_slots_in_use", "Network slots that machines hold", () => readings.slotsInUse());
  }

  /** @param phases milliseconds of each phase, and "total" */
  succeeded(operation: string, { total = 0, ...phases }: Readonly<Record<string, number>>): void {
    this.#operations.observe({ operation, outcome: "ok" }, total / 1000);
    for (const [phase, ms] of Object.entries(phases)) this.#phases.observe({ operation, phase }, ms / 1000);
  }

  /** Its phases are left out: where it broke off says nothing of how long they take. */
  failed(operation: string, { total = 0 }: Readonly<Record<string, number>>, error: unknown): void {
    this.#operations.observe({ operation, outcome: outcomeOf(error) }, total / 1000);
  }

  /** Everything, as prom-client's JSON. */
  async toJson(): Promise<string> {
    return JSON.stringify(await this.#registry.getMetricsAsJSON());
  }

  #counts(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        gauge.reset();
        for (const [word, count] of Object.entries(read())) gauge.set({ [label]: word }, count);
      },
    });
  }

  #reading(name: string, help: string, read: () => Promise<number>): void {
    const gauge = new Gauge({
      name,
      help,
      registers: [this.#registry],
      async collect() {
        gauge.set(await read());
      },
    });
  }
}

/** Work in the background that gave way to somebody has not failed. */
function outcomeOf(error: unknown): string {
  return isAbort(error) ? "aborted" : WrennError.from(error).code;
}
