import { describe, expect, it } from "vitest";
import { idFromUuid, idToUuid, newId, PLATFORM_TEAM, parseId } from "./ids.ts";

describe("ids", () => {
  it("are a prefix and 25 base36 digits of a UUID", () => {
    expect(newId("capsule")).toMatch(/^cl-[0-9a-z]{25}$/);
    const uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
    expect(idToUuid(idFromUuid("capsule", uuid))).toBe(uuid);
    expect(PLATFORM_TEAM).toBe("team-0000000000000000000000000");
  });

  it("keep every bit of the smallest and the largest number", () => {
    for (const uuid of ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]) {
      const id = idFromUuid("capsule", uuid);
      expect(parseId("capsule", id)).toBe(id);
      expect(idToUuid(id)).toBe(uuid);
    }
  });

  it.each([
    ["another prefix", "sb-0000000000000000000000000"],
    ["no prefix", "0000000000000000000000000"],
    ["too short", "cl-000000000000000000000000"],
    ["too long", "cl-00000000000000000000000000"],
    ["a capital letter", "cl-000000000000000000000000A"],
    ["a character outside base36", "cl-00000000000000000000000_0"],
    ["2^128", `cl-${(1n << 128n).toString(36).padStart(25, "0")}`],
    ["the largest 25 digits", `cl-${"z".repeat(25)}`],
    ["nothing", ""],
  ])("refuse %s", (_what, text) => {
    expect(() => parseId("capsule", text)).toThrow("invalid capsule ID");
  });
});
