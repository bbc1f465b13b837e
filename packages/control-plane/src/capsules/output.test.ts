import { describe, expect, it } from "vitest";
import { OutputCollector } from "./output.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("OutputCollector", () => {
  it("joins chunks, also in the middle of a character", () => {
    const output = new OutputCollector(100);
    const euro = bytes("€");
    output.add("stdout", euro.subarray(0, 1));
    output.add("stderr", bytes("e"));
    output.add("stdout", euro.subarray(1));
    expect(output.encode()).toEqual({ stdout: "€", stderr: "e", encoding: "utf-8" });
  });

  it("encodes both as base64 when one is not UTF-8", () => {
    const output = new OutputCollector(100);
    output.add("stdout", bytes("text"));
    output.add("stderr", Uint8Array.of(0xff));
    expect(output.encode()).toEqual({ stdout: "dGV4dA==", stderr: "/w==", encoding: "base64" });
  });

  it("counts both against the limit", () => {
    const output = new OutputCollector(3);
    output.add("stdout", bytes("ab"));
    output.add("stderr", bytes("c"));
    expect(() => output.add("stderr", bytes("d"))).toThrow(/more than 3 bytes: redirect its output to a file/);
  });
});
