/**
 * Measures machines every second. CPU and disk are read on the host, which costs a guest nothing. Its memory only the guest
 * knows, and each question wakes it: it is asked every 30 seconds, and every second only while somebody looks.
 */
import { readFile, rm } from "node:fs/promises";
import { METRIC_RANGES, METRIC_TIER_NAMES, type MetricRange, type MetricTier } from "@wrenn/protocol/metric-tiers";
import { writeFileAtomic } from "@wrenn/runtime/atomic-file";
import { cpuSeconds } from "@wrenn/runtime/process-identity";
import { z } from "zod";
import type { HostBase } from "../host.ts";
import { ownDiskBytes, savedDiskBytes } from "./disk-use.ts";
import { History, type MetricPoint } from "./history.ts";
import { isRunning, type LiveMachine } from "./registry.ts";

const ASK_MS = 30_000;
const ASK_WATCHED_MS = 1000;
/** Somebody who has asked for the metrics is taken to look for so long. */
const WATCHED_MS = 60_000;
const GUEST_TIMEOUT_MS = 2000;

const FILE = "metrics.json";

const tuples = z.array(z.tuple([z.number(), z.number(), z.number(), z.number()]));
const savedSchema = z.partialRecord(z.enum(METRIC_TIER_NAMES), tuples);

/** What is known of one life of a machine. */
interface Reading {
  /** undefined until the guest was asked once */
  memBytes: number | undefined;
  savedBytes: number;
  askedAt: number;
  asking: boolean;
  measuring: boolean;
  /** seconds of CPU that its VMM had taken, and the time of `performance` then */
  cpu: { readonly seconds: number; readonly at: number } | undefined;
}

export type SamplerHost = Pick<HostBase, "machines" | "journal" | "logger">;

export class Sampler {
  readonly #host: SamplerHost;
  readonly #histories = new Map<string, Promise<History>>();
  readonly #readings = new WeakMap<LiveMachine["live"], Reading>();
  /** until when somebody is taken to look, by machine */
  readonly #watched = new Map<string, number>();

  constructor(host: SamplerHost) {
    this.#host = host;
    host.machines.watch((event) => {
      if (event.kind !== "removed") return;
      this.#histories.delete(event.id);
      this.#watched.delete(event.id);
    });
  }

  /** Call it every second. Resolves when all machines were measured. */
  async tick(now: number): Promise<void> {
    const running = this.#host.machines.list().filter(isRunning);
    await Promise.all(running.map((machine) => this.#measure(machine, now)));
  }

  /** Ascending, until now. @throws not_found */
  async range(id: string, range: MetricRange, now = Date.now()): Promise<MetricPoint[]> {
    this.#host.machines.get(id);
    this.#watched.set(id, now + WATCHED_MS);
    const { tier, seconds } = METRIC_RANGES[range];
    return (await this.#history(id)).points(tier, Math.floor(now / 1000) - seconds);
  }

  /** All there is; of a machine that does not run it is forgotten. @throws not_found */
  async flush(id: string): Promise<Record<MetricTier, MetricPoint[]>> {
    const { state } = this.#host.machines.get(id).record;
    const history = await this.#history(id);
    if (state !== "running" && state !== "pausing") this.#histories.delete(id);
    return { "10m": history.points("10m"), "2h": history.points("2h"), "24h": history.points("24h") };
  }

  /** Writes down what is known, for the next host agent. */
  async save(): Promise<void> {
    for (const [id, history] of this.#histories) {
      await this.#saveOne(id, await history).catch((error: unknown) => {
        this.#host.logger.warn({ op: "metrics", id, err: error }, "cannot keep the metrics of a capsule");
      });
    }
  }

  async #saveOne(id: string, history: History): Promise<void> {
    if (this.#host.machines.find(id) === undefined) return;
    await writeFileAtomic(this.#file(id), JSON.stringify(history.save()));
  }

  #file(id: string): string {
    return `${this.#host.journal.machineDir(id)}/${FILE}`;
  }

  #history(id: string): Promise<History> {
    const known = this.#histories.get(id) ?? this.#load(id);
    this.#histories.set(id, known);
    return known;
  }

  /** What the host agent before this one wrote down; it is read once, because it is soon out of date. */
  async #load(id: string): Promise<History> {
    const file = this.#file(id);
    try {
      const saved = savedSchema.parse(JSON.parse(await readFile(file, "utf8")));
      await rm(file, { force: true });
      return new History(saved);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT")
        this.#host.logger.warn({ op: "metrics", id, err: error }, "cannot read the earlier metrics of a capsule");
      return new History();
    }
  }

  #readingOf(live: LiveMachine["live"]): Reading {
    const known = this.#readings.get(live);
    if (known !== undefined) return known;
    const fresh = {
      memBytes: undefined,
      savedBytes: 0,
      askedAt: Number.NEGATIVE_INFINITY,
      asking: false,
      measuring: false,
      cpu: undefined,
    };
    this.#readings.set(live, fresh);
    return fresh;
  }

  async #measure(machine: LiveMachine, now: number): Promise<void> {
    const reading = this.#readingOf(machine.live);
    if (reading.measuring) return;
    reading.measuring = true;
    try {
      const point = await this.#point(machine, reading, now);
      const { id } = machine.record;
      // It may have been removed meanwhile, or begun another life.
      if (point === undefined || this.#host.machines.find(id)?.live !== machine.live) return;
      (await this.#history(id)).add(point);
    } catch (error) {
      this.#host.logger.debug({ op: "metrics", id: machine.record.id, err: error }, "cannot measure a capsule");
    } finally {
      reading.measuring = false;
    }
  }

  /** Undefined the first time: CPU is what was taken between two looks. */
  async #point(machine: LiveMachine, reading: Reading, now: number): Promise<MetricPoint | undefined> {
    const { record, live } = machine;
    const cpuPct = cpuOf(live.vm.process, record.vcpus, reading);
    const asked = this.#askWhenDue(machine, reading, now);
    if (reading.memBytes === undefined) await asked;
    if (cpuPct === undefined) return undefined;
    return {
      at: Math.floor(now / 1000),
      cpuPct,
      memBytes: reading.memBytes ?? 0,
      diskBytes: reading.savedBytes + (await ownDiskBytes(this.#host, record)),
    };
  }

  async #askWhenDue({ record, live }: LiveMachine, reading: Reading, now: number): Promise<void> {
    const watched = (this.#watched.get(record.id) ?? 0) > now;
    // Its turn may come some milliseconds early.
    const period = watched ? ASK_WATCHED_MS / 2 : ASK_MS;
    if (reading.asking || now - reading.askedAt < period) return;
    reading.asking = true;
    reading.askedAt = now;
    const saved = savedDiskBytes(this.#host, record).then(
      (bytes) => {
        reading.savedBytes = bytes;
      },
      () => {},
    );
    try {
      const { mem_used: used } = await live.guest.metrics(GUEST_TIMEOUT_MS);
      reading.memBytes = Math.min(used, record.memoryMb * 1024 * 1024);
    } catch (error) {
      // What it said before stands; one that has never answered counts with nothing.
      reading.memBytes ??= 0;
      this.#host.logger.debug({ op: "metrics", id: record.id, err: error }, "a guest does not say what it uses");
    } finally {
      reading.asking = false;
    }
    await saved;
  }
}

/** Percent of all vCPUs since the last look, 0 to 100: the VMM does other work too, so it may take more. */
function cpuOf(vmm: LiveMachine["live"]["vm"]["process"], vcpus: number, reading: Reading): number | undefined {
  const seconds = cpuSeconds(vmm);
  const before = reading.cpu;
  const at = performance.now();
  reading.cpu = seconds === undefined ? undefined : { seconds, at };
  if (seconds === undefined || before === undefined || at <= before.at) return undefined;
  const share = (seconds - before.seconds) / ((at - before.at) / 1000) / vcpus;
  return Math.min(Math.max(share * 100, 0), 100);
}
