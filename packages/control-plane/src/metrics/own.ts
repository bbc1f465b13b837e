/** What the control plane itself counts and measures, in a registry of its own. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Seconds: from a look-up to a create that boots cold. */
const BUCKETS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

type Counts = Readonly<Record<string, number>>;

/** What is asked for at every scrape. A name that is left out stands for none. */
export interface Readings {
  capsulesByState(): Promise<Counts>;
  hostsByStatus(): Promise<Counts>;
  jobsByState(): Promise<Counts>;
  encryptedByKey(): Promise<Counts>;
  auditEntries(): { readonly lost: number; readonly waiting: number };
}

export interface HttpAnswer {
  readonly method: string;
  /** the pattern that the path matched, never the path itself; undefined when it matched none */
  readonly route: string | undefined;
  readonly status: number;
  /** milliseconds */
  readonly ms: number;
}

export class OwnMetrics {
  readonly #registry = new Registry();
  readonly #requests = new Histogram({
    name: "wrenn_http_request_seconds",
    help: "Duration of HTTP requests by method, route and status",
    labelNames: ["method", "route", "status"],
    buckets: BUCKETS,
    registers: [this.#registry],
  });

  constructor(readings: Readings) {
    collectDefaultMetrics({ register: this.#registry });
    this.#counts("wrenn_capsules", "Capsules by state, without those that ended", "state", () =>
      readings.capsulesByState(),
    );
    this.#counts("wrenn_hosts", "Hosts by status", "status", () => readings.hostsByStatus());
    this.#counts("wrenn_jobs", "Background jobs by state, without those that succeeded", "state", () =>
      readings.jobsByState(),
    );
    this.#counts("wrenn_encrypted", "What is stored encrypted by the id of its key", "key", () =>
      readings.encryptedByKey(),
    );
    this.#auditEntries(() => readings.auditEntries());
  }

  answered({ method, route = "unmatched", status, ms }: HttpAnswer): void {
    this.#requests.observe({ method, route, status }, ms / 1000);
  }

  /** Everything, with its present values. @throws what a reading throws */
  read() {
    return this.#registry.getMetricsAsJSON();
  }

  #counts(name: string, help: string, label: string, read: () => Promise<Counts>): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      async collect() {
        const counts = await read();
        gauge.reset();
        for (const [word, count] of Object.entries(counts)) gauge.set({ [label]: word }, count);
      },
    });
  }

  #auditEntries(read: Readings["auditEntries"]): void {
    const waiting = new Gauge({
      name: "wrenn_audit_waiting",
      help: "Entries of the audit log that could not be stored yet",
      registers: [this.#registry],
      collect() {
        waiting.set(read().waiting);
      },
    });
    const lost = new Counter({
      name: "wrenn_audit_lost_total",
      help: "Entries of the audit log that could not be stored and never will be",
      registers: [this.#registry],
      collect() {
        lost.reset();
        lost.inc(read().lost);
      },
    });
  }
}
