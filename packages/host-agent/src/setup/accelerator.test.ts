import { describe, expect, it } from "vitest";
import { virtualisationFlag } from "./accelerator.ts";

describe("the CPU's virtualisation flag", () => {
  it("is one of its flags, not a part of another word", () => {
    expect(virtualisationFlag("model name\t: x\nflags\t\t: fpu vmx sse\n")).toBe("vmx");
    expect(virtualisationFlag("flags\t\t: fpu svm\n")).toBe("svm");
    expect(virtualisationFlag("flags\t\t: fpu svm_lock\nvmx flags\t: vnmi\n")).toBeUndefined();
    expect(virtualisationFlag("")).toBeUndefined();
  });
});
