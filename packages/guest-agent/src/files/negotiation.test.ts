import { describe, expect, it } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
import { acceptedEncodings, negotiate, parseRange } from "./negotiation.ts";

const MODIFIED = Date.UTC(2026, 0, 2, 3, 4, 5);
const FILE = { size: 5000, version: { etag: '"a-b"', modifiedMs: MODIFIED + 678 } };
const HTTP_DATE = new Date(MODIFIED).toUTCString();
const LATER = new Date(MODIFIED + 60_000).toUTCString();
const EARLIER = new Date(MODIFIED - 1000).toUTCString();

describe("parseRange", () => {
  it.each([
    ["bytes=0-0", { start: 0, end: 0 }],
    ["bytes=0-", { start: 0, end: 99 }],
    ["bytes=10-19", { start: 10, end: 19 }],
    ["bytes=90-1000", { start: 90, end: 99 }],
    ["bytes=-10", { start: 90, end: 99 }],
    ["bytes=-1000", { start: 0, end: 99 }],
    ["Bytes=99-99", { start: 99, end: 99 }],
    ["bytes=100-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=99999999999999999999999-", "unsatisfiable"],
    ["bytes=0-1,5-6", undefined],
    ["bytes=5-4", undefined],
    ["bytes=-", undefined],
    ["bytes=a-b", undefined],
    ["lines=0-1", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("reads %s of 100 bytes", (header, range) => {
    expect(parseRange(header, 100)).toEqual(range);
  });

  it("finds nothing to send of an empty file", () => {
    expect(parseRange("bytes=0-", 0)).toBe("unsatisfiable");
    expect(parseRange("bytes=-5", 0)).toBe("unsatisfiable");
  });

  it(
    "never leaves the file, whatever the header",
    fuzz(3000, (random) => {
      const size = random.below(50);
      const header = random.join(
        ["bytes=", "bytes", "=", "-", ",", " ", "0", "7", "49", "999999999999999999999", "e5"],
        6,
      );
      const range = parseRange(header, size);
      if (typeof range !== "object") return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThanOrEqual(range.start);
      expect(range.end).toBeLessThan(size);
    }),
  );
});

describe("acceptedEncodings", () => {
  it.each([
    [undefined, false, true],
    ["", false, true],
    ["gzip", true, true],
    ["gzip, deflate, br", true, true],
    ["GZIP;q=0.5, identity;q=0.4", true, true],
    ["gzip;q=0.4, identity;q=0.5", false, true],
    ["gzip;q=0", false, true],
    ["br", false, true],
    ["*", false, true],
    ["identity;q=0, gzip", true, false],
    ["identity;q=0, *", true, false],
    ["identity;q=0", false, false],
    ["*;q=0", false, false],
    ["br, *;q=0", false, false],
  ])("reads %s: gzip %s, as it is %s", (header, gzip, identity) => {
    expect(acceptedEncodings(header)).toEqual({ gzip, identity });
  });
});

describe("negotiate", () => {
  it.each([
    ["nothing asked", {}, { status: 200, encoding: "identity" }],
    ["gzip", { "accept-encoding": "gzip" }, { status: 200, encoding: "gzip" }],
    ["neither form", { "accept-encoding": "identity;q=0" }, { status: 406 }],
    ["a part", { range: "bytes=1-2", "accept-encoding": "gzip" }, { status: 206, range: { start: 1, end: 2 } }],
    ["a part behind the end", { range: "bytes=5000-" }, { status: 416 }],
    [
      "a part, but only compressed",
      { range: "bytes=1-2", "accept-encoding": "gzip, *;q=0" },
      { status: 200, encoding: "gzip" },
    ],
    ["the tag it has", { "if-none-match": '"x", "a-b"' }, { status: 304 }],
    ["the tag it has, of the compressed form", { "if-none-match": 'W/"a-b"' }, { status: 304 }],
    ["any tag", { "if-none-match": "*" }, { status: 304 }],
    [
      "another tag and a later date",
      { "if-none-match": '"x"', "if-modified-since": LATER },
      { status: 200, encoding: "identity" },
    ],
    ["its date", { "if-modified-since": HTTP_DATE }, { status: 304 }],
    ["an earlier date", { "if-modified-since": EARLIER }, { status: 200, encoding: "identity" }],
    ["no date", { "if-modified-since": "yesterday" }, { status: 200, encoding: "identity" }],
    [
      "a part of what it has",
      { range: "bytes=0-0", "if-range": '"a-b"' },
      { status: 206, range: { start: 0, end: 0 } },
    ],
    [
      "a part of what it has by date",
      { range: "bytes=0-0", "if-range": HTTP_DATE },
      { status: 206, range: { start: 0, end: 0 } },
    ],
    ["a part of something else", { range: "bytes=0-0", "if-range": '"x"' }, { status: 200, encoding: "identity" }],
    [
      "a part of the compressed form",
      { range: "bytes=0-0", "if-range": 'W/"a-b"' },
      { status: 200, encoding: "identity" },
    ],
  ])("%s", (_what, headers, answer) => {
    expect(negotiate(headers, FILE)).toEqual(answer);
  });

  it("compresses neither what is small nor what the client wants as it is", () => {
    const headers = { "accept-encoding": "gzip" };
    expect(negotiate(headers, { ...FILE, size: 10 })).toEqual({ status: 200, encoding: "identity" });
    expect(negotiate({ "accept-encoding": "gzip, identity;q=0" }, { ...FILE, size: 10 })).toEqual({
      status: 200,
      encoding: "gzip",
    });
  });

  it("has no conditions and no parts for what changes at every read", () => {
    const headers = { range: "bytes=0-0", "if-none-match": "*", "if-modified-since": LATER };
    expect(negotiate(headers, { size: undefined, version: undefined })).toEqual({ status: 200, encoding: "identity" });
    expect(negotiate({ range: "bytes=0-0" }, { size: 9, version: undefined })).toMatchObject({ status: 206 });
  });

  it(
    "answers any headers",
    fuzz(3000, (random) => {
      const words = [
        "gzip",
        "identity",
        "*",
        ";",
        "q=",
        "0",
        "1",
        ",",
        "bytes=",
        "-",
        '"a-b"',
        "W/",
        HTTP_DATE,
        "é",
        " ",
      ];
      const names = ["accept-encoding", "range", "if-range", "if-none-match", "if-modified-since"];
      const headers = Object.fromEntries(names.map((name) => [name, random.join(words, 6)]));
      const size = random.pick([undefined, 0, 1, 5000]);
      expect([200, 206, 304, 406, 416]).toContain(negotiate(headers, { ...FILE, size }).status);
    }),
  );
});
