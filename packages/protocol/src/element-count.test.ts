import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { hasMoreElements } from "./element-count.ts";
import { ListDirResponseSchema } from "./gen/filesystem_pb.ts";
import { ListResponseSchema } from "./gen/process_pb.ts";

const ANY = Number.MAX_SAFE_INTEGER;

describe("hasMoreElements", () => {
  it("counts the elements of a list that have no content", () => {
    const bytes = Buffer.alloc(200, Uint8Array.from([0x0a, 0x00]));
    expect(hasMoreElements(ListDirResponseSchema, bytes, { own: 100, inner: 0 })).toBe(false);
    expect(hasMoreElements(ListDirResponseSchema, bytes, { own: 99, inner: 0 })).toBe(true);
  });

  it("counts lists and maps inside, whatever else there is", () => {
    const process = { pid: 1, tag: "t", config: { cmd: "x", args: ["a", "", "b"], envs: { A: "1", B: "2" } } };
    const processes = toBinary(ListResponseSchema, create(ListResponseSchema, { processes: [process, process] }));
    expect(hasMoreElements(ListResponseSchema, processes, { own: 2, inner: 10 })).toBe(false);
    expect(hasMoreElements(ListResponseSchema, processes, { own: 2, inner: 9 })).toBe(true);
    const entry = { name: "f", size: 7n, modifiedTime: { seconds: 1n }, metadata: { a: "1", b: "2" } };
    const entries = toBinary(ListDirResponseSchema, create(ListDirResponseSchema, { entries: [entry] }));
    expect(hasMoreElements(ListDirResponseSchema, entries, { own: 1, inner: 2 })).toBe(false);
    expect(hasMoreElements(ListDirResponseSchema, entries, { own: 1, inner: 1 })).toBe(true);
  });

  it("takes a long chain of groups for no message", () => {
    const bytes = new Uint8Array(1024 * 1024).fill(0x0b);
    expect(() => hasMoreElements(ListDirResponseSchema, bytes, { own: 1, inner: 1 })).toThrow("group");
  });

  it("finds in any bytes what decoding them makes, or that they are none", () => {
    // A linear congruential generator: every run has the same bytes.
    let state = 7;
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * below);
    };
    // Mostly bytes that mean something: tags, and lengths of what is short.
    const byte = () =>
      random(8) === 0 ? random(256) : ([0x0a, 0x12, 0x1a, 0x00, 0x01, 0x02, 0x04, 0x08][random(8)] ?? 0);
    let decoded = 0;
    for (let round = 0; round < 20_000; round++) {
      const bytes = Uint8Array.from({ length: random(24) }, byte);
      let processes: number;
      try {
        processes = fromBinary(ListResponseSchema, bytes).processes.length;
      } catch {
        continue;
      }
      decoded += 1;
      const counts = () => [
        hasMoreElements(ListResponseSchema, bytes, { own: processes, inner: ANY }),
        processes > 0 && !hasMoreElements(ListResponseSchema, bytes, { own: processes - 1, inner: ANY }),
      ];
      // Groups are the only thing that decoding knows and this does not.
      if (bytes.some((one) => (one & 7) === 3)) continue;
      expect(counts(), Buffer.from(bytes).toString("hex")).toEqual([false, false]);
    }
    expect(decoded).toBeGreaterThan(1000);
  });
});
