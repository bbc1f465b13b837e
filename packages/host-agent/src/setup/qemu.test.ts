import { describe, expect, it } from "vitest";
import { findQemu, isWanted, parseQemuVersion } from "./qemu.ts";

describe("the version of QEMU", () => {
  it("is read from what it prints", () => {
    const text = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright (c) 2003-2025";
    expect(parseQemuVersion(text)).toEqual({ major: 10, minor: 0, micro: 2 });
    expect(parseQemuVersion("bash 5.2")).toBeUndefined();
  });

  it.each([
    ["7.2.22", false],
    ["8.1.5", false],
    ["8.2.0", true],
    ["9.0.0", true],
    ["10.0.2", true],
  ])("%s maps templates read-only: %s", (version, wanted) => {
    const parsed = parseQemuVersion(`QEMU emulator version ${version}`);
    expect(parsed !== undefined && isWanted(parsed)).toBe(wanted);
  });

  it("must be one that starts", async () => {
    const find = findQemu({ cache: "/nonexistent", override: "/nonexistent/qemu" });
    await expect(find).rejects.toMatchObject({ code: "program_missing" });
  });
});
