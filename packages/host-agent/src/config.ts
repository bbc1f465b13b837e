/** The host agent's configuration: read from the environment once, checked, then passed on as values. */
import { WrennError } from "@wrenn/protocol/errors";
import { LIMITS } from "@wrenn/protocol/limits";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";
import { type ListenAddress, parseListenAddress } from "@wrenn/runtime/listen-address";
import { SLOT_MAX, SLOT_MIN } from "./network/addresses.ts";
import type { SlotRange } from "./network/claims.ts";
import type { CondenseLimits } from "./snapshots/condense.ts";

export interface HostConfig {
  readonly layout: Layout;
  readonly logLevel: string;
  /** where an enrolled host listens; on all addresses, at the port that it is reached at, when absent */
  readonly listen: ListenAddress | undefined;
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

/** @throws config_invalid naming the variable, what it holds and what it may hold */
export function envToHostConfig(given: Env, cpus: number): HostConfig {
  // An empty variable is none, as it is for the control plane.
  const env = new Proxy(given, { get: (values, name: string) => values[name] || undefined });
  return {
    layout: layoutOf(env["WRENN_DIR"] ?? "/var/lib/wrenn", env["WRENN_CACHE_DIR"] ?? "/var/cache/wrenn"),
    logLevel: oneOf(env, "LOG_LEVEL", ["silent", "fatal", "error", "warn", "info", "debug", "trace"], "info"),
    listen: listenAddress(env),
    supervised: env["WRENN_SUPERVISED_HOST"] === "1",
    controlPlane: controlPlaneUrl(env),
    slots: slotRange(env),
    slotPool: integer(env, "WRENN_SLOT_POOL", 4, 0, 1024),
    createConcurrency: integer(env, "WRENN_CREATE_CONCURRENCY", Math.max(2, cpus), 1, 1024),
    minFreeDiskMb: integer(env, "WRENN_MIN_FREE_DISK_MB", 512, 0, Number.MAX_SAFE_INTEGER),
    warmPool: warmTargets(env["WRENN_WARM_POOL"] ?? ""),
    condense: {
      mergeAbove: integer(env, "WRENN_MERGE_MB", 128, 0, 1024 * 1024) * 1024 * 1024,
      maxLayers: integer(env, "WRENN_MAX_DISK_LAYERS", 8, 2, 64),
    },
    failpoints: env["WRENN_FAILPOINTS"] === "1",
    kernel: env["WRENN_KERNEL"],
    kernelModules: env["WRENN_KERNEL_MODULES"],
    qemu: env["WRENN_QEMU"],
  };
}

function invalid(name: string, value: string, expected: string): WrennError {
  return new WrennError("config_invalid", `${name} is "${value}" and must be ${expected}`);
}

function integer(env: Env, name: string, fallback: number, min: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw invalid(name, text, `a whole number from ${min} to ${max}`);
  return value;
}

function oneOf(env: Env, name: string, allowed: readonly string[], fallback: string): string {
  const text = env[name] ?? fallback;
  if (!allowed.includes(text)) throw invalid(name, text, `one of ${allowed.join(", ")}`);
  return text;
}

function listenAddress(env: Env): ListenAddress | undefined {
  const text = env["WRENN_HOST_LISTEN_ADDR"];
  if (text === undefined || text === "") return undefined;
  const address = parseListenAddress(text);
  if (address === undefined) throw invalid("WRENN_HOST_LISTEN_ADDR", text, "host:port, for example :50051");
  return address;
}

function controlPlaneUrl(env: Env): string | undefined {
  const text = env["WRENN_CP_URL"];
  if (text === undefined || text === "") return undefined;
  if (URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol)) return text.replace(/\/+$/, "");
  throw invalid("WRENN_CP_URL", text, "an http or https URL, for example https://wrenn.example.com");
}

function slotRange(env: Env): SlotRange {
  const text = env["WRENN_SLOTS"] ?? `${SLOT_MIN}-${SLOT_MAX}`;
  const match = /^(\d+)-(\d+)$/.exec(text);
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  if (!(range.first >= SLOT_MIN && range.first <= range.last && range.last <= SLOT_MAX)) {
    throw invalid("WRENN_SLOTS", text, `a range such as ${SLOT_MIN}-${SLOT_MAX}`);
  }
  return range;
}

/** `minimal=2,minimal:2x1024=1`: how many of which template, and of which vCPUs and MiB if not the default. */
function warmTargets(text: string): WarmTarget[] {
  return text
    .split(",")
    .filter((entry) => entry.trim() !== "")
    .map((entry) => {
      const match = /^\s*([\w.-]+)(?::(\d+)x(\d+))?=(\d{1,3})\s*$/.exec(entry);
      if (match === null) throw invalid("WRENN_WARM_POOL", text, "a list such as minimal=2,minimal:2x1024=1");
      const [, template = "", vcpus, memoryMb, count] = match;
      return {
        template,
        vcpus: Number(vcpus ?? LIMITS.vcpus.default),
        memoryMb: Number(memoryMb ?? LIMITS.memoryMb.default),
        count: Number(count),
      };
    });
}
