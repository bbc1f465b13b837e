import { describe, expect, it } from "vitest";
import { frequencyOf, parseKernelTsc } from "./tsc.ts";

describe("the time-stamp counter", () => {
  it("is taken from the kernel's log, the most exact statement first", () => {
    const detected = "[    0.000057] tsc: Detected 2596.132 MHz processor\n";
    expect(parseKernelTsc(detected)).toBe(2_596_132);
    expect(parseKernelTsc(`${detected}[0.1] tsc: Detected 2600.000 MHz TSC\n`)).toBe(2_600_000);
    expect(parseKernelTsc(`${detected}[1.5] tsc: Refined TSC clocksource calibration: 2596.079 MHz\n`)).toBe(2_596_079);
    expect(parseKernelTsc("nothing about it")).toBeUndefined();
  });

  it("is computed from two readings", () => {
    const samples = Buffer.from(new BigInt64Array([1_000n, 10n, 900_000_000n, 525_001_000n, 11n, 150_000_000n]).buffer);
    expect(frequencyOf(samples)).toBe(2_100_000);
  });
});
