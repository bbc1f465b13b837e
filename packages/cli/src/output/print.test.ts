import { describe, expect, it } from "vitest";
import { duration, mebibytes, size } from "./print.ts";

describe("duration", () => {
  it.each([
    [0, "0 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [1234, "1.2 s"],
    [59_949, "59.9 s"],
    [59_960, "1 min 0 s"],
    [200_000, "3 min 20 s"],
    [239_700, "4 min 0 s"],
    [3_599_600, "1 h 0 min"],
    [18_600_000, "5 h 10 min"],
    [183_600_000, "2 d 3 h"],
  ])("says %d ms as %s", (ms, text) => expect(duration(ms)).toBe(text));
});

describe("size", () => {
  it.each([
    [0, "0 KiB"],
    [640 * 1024, "640 KiB"],
    [1024 * 1024 - 1, "1 MiB"],
    [87.34 * 1024 * 1024, "87.3 MiB"],
    [1.5 * 1024 ** 3, "1.5 GiB"],
    [2048 * 1024 ** 4, "2048 TiB"],
  ])("says %d bytes as %s", (bytes, text) => expect(size(bytes)).toBe(text));

  it("takes MiB too", () => expect([512, 1536, 5120].map(mebibytes)).toEqual(["512 MiB", "1.5 GiB", "5 GiB"]));
});
