/**
 * The frequency of the host's time-stamp counter. An emulated guest has the same counter but nothing to calibrate it with,
 * so it must be told.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { command, tryCommand } from "@wrenn/runtime/command";

const PROGRAM = fileURLToPath(new URL("tsc.s", import.meta.url));

/** What the kernel found out when it booted, in kHz; the most exact of its statements if there are several. */
export function parseKernelTsc(log: string): number | undefined {
  const statements = [
    /tsc: Refined TSC clocksource calibration: (\d+)\.(\d{3}) MHz/,
    /tsc: Detected (\d+)\.(\d{3}) MHz TSC/,
    /tsc: Detected (\d+)\.(\d{3}) MHz processor/,
  ];
  for (const statement of statements) {
    const match = statement.exec(log);
    if (match !== null) return Number(match[1]) * 1000 + Number(match[2]);
  }
  return undefined;
}

/** kHz from two readings of counter, seconds and nanoseconds, as `tsc.s` writes them. */
export function frequencyOf(samples: Buffer): number {
  const [ticks0 = 0n, s0 = 0n, ns0 = 0n, ticks1 = 0n, s1 = 0n, ns1 = 0n] = new BigInt64Array(
    samples.buffer,
    samples.byteOffset,
    6,
  );
  const nanoseconds = Number((s1 - s0) * 1_000_000_000n + (ns1 - ns0));
  return Math.round((Number(ticks1 - ticks0) * 1_000_000) / nanoseconds);
}

/** Takes a quarter of a second, right to about 20 ppm. @throws CommandError without binutils */
async function measureTscKhz(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "wrenn-tsc-"));
  try {
    const [object, program] = [join(folder, "tsc.o"), join(folder, "tsc")];
    await command("as", ["-o", object, PROGRAM]);
    await command("ld", ["-o", program, object]);
    const { stdout } = await promisify(execFile)(program, { encoding: "buffer" });
    return frequencyOf(Buffer.from(stdout));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** In kHz: what the kernel says if its log still reaches back to its start, else measured. */
export async function tscKhz(): Promise<number> {
  const logs = [
    ["dmesg", []],
    ["journalctl", ["--dmesg", "--boot", "--no-pager", "--output=cat"]],
  ] as const;
  for (const [program, args] of logs) {
    const log = await tryCommand(program, args).catch(() => undefined);
    const found = parseKernelTsc(log?.stdout ?? "");
    if (found !== undefined) return found;
  }
  return measureTscKhz();
}
