/** The host agent's configuration: read from the environment once, checked, then passed on as values. */
import { WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";
import { isReachableAddress, type ListenAddress, parseListenAddress } from "@wrenn/runtime/listen-address";
import { SLOT_MAX, SLOT_MIN } from "./network/addresses.ts";
import type { SlotRange } from "./network/claims.ts";
import type { CondenseLimits } from "./snapshots/condense.ts";

export interface HostConfig {
  readonly layout: Layout;
  readonly logLevel: string;
  /** where an enrolled host listens; on all addresses, at the port that it is reached at, when absent */
  readonly listen: ListenAddress | undefined;
  /** `host:port` at which the control plane reaches a host that enrols */
  readonly address: string | undefined;
  /** whoever starts this host agent also starts its control plane, and tells it of that */
  readonly supervised: boolean;
  /** URL of the control plane that it is enrolled at, or shall be */
  readonly controlPlane: string | undefined;
  readonly slots: SlotRange;
  /** slots made ahead of time */
  readonly slotPool: number;
  /** creates that may run at once; more would only slow each other down */
  readonly createConcurrency: number;
  /** MiB of disk that creates leave free */
  readonly minFreeDiskMb: number;
  /** machines that are kept running for the next creates */
  readonly warmPool: readonly WarmTarget[];
  /** when a paused machine's files are made fewer */
  readonly condense: CondenseLimits;
  /** tests may make steps of operations fail, see machines/failpoints.ts */
  readonly failpoints: boolean;
  readonly kernel: string | undefined;
  readonly kernelModules: string | undefined;
  readonly qemu: string | undefined;
}

export interface WarmTarget {
  readonly template: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly count: number;
}

export type Env = Readonly<Record<string, string | undefined>>;

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** The environment, and whom to tell what is wrong in it. */
interface Reader {
  readonly env: Env;
  readonly wrong: (name: string, value: string, expected: string) => void;
}

/** @throws config_invalid with one sentence for each wrong value: the variable, what it holds and what it may hold */
export function envToHostConfig(given: Env, cpus: number): HostConfig {
  // An empty variable is none, as it is for the control plane.
  const env = new Proxy(given, { get: (values, name: string) => values[name] || undefined });
  const problems: string[] = [];
  const wrong = (name: string, value: string, expected: string) =>
    void problems.push(`${name} is "${value}" but must be ${expected}`);
  const config = readConfig({ env, wrong }, cpus);
  if (problems.length > 0) throw new WrennError("config_invalid", problems.join("; "));
  return config;
}

function readConfig(reader: Reader, cpus: number): HostConfig {
  const { env } = reader;
  return {
    layout: layoutOf(env["WRENN_DIR"] ?? "/var/lib/wrenn", env["WRENN_CACHE_DIR"] ?? "/var/cache/wrenn"),
    logLevel: oneOf(reader, "LOG_LEVEL", LOG_LEVELS, "info"),
    listen: listenAddress(reader),
    address: reachedAddress(reader),
    supervised: env["WRENN_SUPERVISED_HOST"] === "1",
    controlPlane: controlPlaneUrl(reader),
    slots: slotRange(reader),
    slotPool: integer(reader, "WRENN_SLOT_POOL", 4, 0, 1024),
    createConcurrency: integer(reader, "WRENN_CREATE_CONCURRENCY", Math.max(2, cpus), 1, 1024),
    minFreeDiskMb: integer(reader, "WRENN_MIN_FREE_DISK_MB", 512, 0, Number.MAX_SAFE_INTEGER),
    warmPool: warmTargets(reader),
    condense: {
      mergeAbove: integer(reader, "WRENN_MERGE_MB", 128, 0, 1024 * 1024) * 1024 * 1024,
      maxLayers: integer(reader, "WRENN_MAX_DISK_LAYERS", 8, 2, 64),
    },
    failpoints: env["WRENN_FAILPOINTS"] === "1",
    kernel: env["WRENN_KERNEL"],
    kernelModules: env["WRENN_KERNEL_MODULES"],
    qemu: env["WRENN_QEMU"],
  };
}

function integer({ env, wrong }: Reader, name: string, fallback: number, min: number, max: number): number {
  const text = env[name] ?? `${fallback}`;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) wrong(name, text, `a whole number from ${min} to ${max}`);
  return value;
}

function oneOf({ env, wrong }: Reader, name: string, allowed: readonly string[], fallback: string): string {
  const text = env[name] ?? fallback;
  if (!allowed.includes(text)) wrong(name, text, `one of ${allowed.join(", ")}`);
  return text;
}

function listenAddress({ env, wrong }: Reader): ListenAddress | undefined {
  const text = env["WRENN_HOST_LISTEN_ADDR"];
  if (text === undefined) return undefined;
  const address = parseListenAddress(text);
  if (address === undefined)
    wrong("WRENN_HOST_LISTEN_ADDR", text, "host:port, or :port for all addresses, for example :50051");
  return address;
}

function reachedAddress({ env, wrong }: Reader): string | undefined {
  const text = env["WRENN_HOST_ADDRESS"];
  if (text !== undefined && !isReachableAddress(text))
    wrong("WRENN_HOST_ADDRESS", text, "host:port, for example 192.0.2.10:50051");
  return text;
}

function controlPlaneUrl({ env, wrong }: Reader): string | undefined {
  const text = env["WRENN_CP_URL"];
  if (text === undefined) return undefined;
  if (!(URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol)))
    wrong("WRENN_CP_URL", text, "an http or https URL, for example https://wrenn.example.com");
  return text.replace(/\/+$/, "");
}

function slotRange({ env, wrong }: Reader): SlotRange {
  const text = env["WRENN_SLOTS"] ?? `${SLOT_MIN}-${SLOT_MAX}`;
  const match = /^(\d+)-(\d+)$/.exec(text);
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  const fits = range.first >= SLOT_MIN && range.first <= range.last && range.last <= SLOT_MAX;
  if (!fits) wrong("WRENN_SLOTS", text, `a range such as ${SLOT_MIN}-${SLOT_MAX}`);
  return range;
}

/** `minimal=2,minimal:2x1024=1`: how many of which template, and of which vCPUs and MiB if not the default. */
function warmTargets({ env, wrong }: Reader): WarmTarget[] {
  const text = env["WRENN_WARM_POOL"] ?? "";
  const entries = text.split(",").filter((entry) => entry.trim() !== "");
  const matches = entries.map((entry) => /^\s*([\w.-]+)(?::(\d+)x(\d+))?=(\d{1,3})\s*$/.exec(entry));
  if (matches.includes(null)) wrong("WRENN_WARM_POOL", text, "a list such as minimal=2,minimal:2x1024=1");
  return matches.map((match) => {
    const [, template = "", vcpus, memoryMb, count] = match ?? [];
    return {
      template,
      vcpus: Number(vcpus ?? LIMITS.vcpus.default),
      memoryMb: Number(memoryMb ?? LIMITS.memoryMb.default),
      count: Number(count),
    };
  });
}
