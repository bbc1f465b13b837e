import { describe, expect, it } from "vitest";
import { fromCursor, toCursor } from "./cursor.ts";

const ID = "5f3b1c1e-8d2a-4c57-9d0e-1f6f0a7c2b11";

describe("cursors", () => {
  it.each(["2026-01-02 03:04:05.123456+00", "2026-01-02T03:04:05.123Z"])("carry %s as it is", (time) => {
    expect(fromCursor(toCursor(time, ID))).toEqual([time, ID]);
  });

  it.each([
    ["", ID],
    ["yesterday", ID],
    ["2026-99-02 03:04:05", ID],
    ["2026-01-02 03:04:05", "1"],
    ["2026-01-02 03:04:05'; --", ID],
  ])("are refused with %j and %j", (time, id) => {
    expect(() => fromCursor(toCursor(time, id))).toThrow("cursor is not one that this list has given");
  });

  it("are refused when they are none", () => expect(() => fromCursor("?!")).toThrow("cursor is not one"));
});
