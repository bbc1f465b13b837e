/** The host agent's configuration: read from the environment once, checked, then passed on as values. */
import { WrennError } from "@wrenn/protocol/errors";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";
import { SLOT_MAX, SLOT_MIN } from "./network/addresses.ts";
import type { SlotRange } from "./network/claims.ts";

export interface HostConfig {
  readonly layout: Layout;
  readonly logLevel: string;
  readonly slots: SlotRange;
  /** slots made ahead of time */
  readonly slotPool: number;
  /** creates that may run at once; more would only slow each other down */
  readonly createConcurrency: number;
  /** MiB of disk that creates leave free */
  readonly minFreeDiskMb: number;
  readonly kernel: string | undefined;
  readonly kernelModules: string | undefined;
  readonly qemu: string | undefined;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** @throws config_invalid naming the variable, what it holds and what it may hold */
export function envToHostConfig(env: Env, cpus: number): HostConfig {
  return {
    layout: layoutOf(env["WRENN_DIR"] ?? "/var/lib/wrenn", env["WRENN_CACHE_DIR"] ?? "/var/cache/wrenn"),
    logLevel: oneOf(env, "LOG_LEVEL", ["fatal", "error", "warn", "info", "debug", "trace"], "info"),
    slots: slotRange(env),
    slotPool: integer(env, "WRENN_SLOT_POOL", 4, 0, 1024),
    createConcurrency: integer(env, "WRENN_CREATE_CONCURRENCY", Math.max(2, cpus), 1, 1024),
    minFreeDiskMb: integer(env, "WRENN_MIN_FREE_DISK_MB", 512, 0, Number.MAX_SAFE_INTEGER),
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

function slotRange(env: Env): SlotRange {
  const text = env["WRENN_SLOTS"] ?? `${SLOT_MIN}-${SLOT_MAX}`;
  const match = /^(\d+)-(\d+)$/.exec(text);
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  if (!(range.first >= SLOT_MIN && range.first <= range.last && range.last <= SLOT_MAX)) {
    throw invalid("WRENN_SLOTS", text, `a range such as ${SLOT_MIN}-${SLOT_MAX}`);
  }
  return range;
}
