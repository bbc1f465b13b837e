import { Readable } from "node:stream";
import { portSchema } from "@wrenn/protocol/rest/ports";
import { describe, expect, it, vi } from "vitest";
import { parsePortList, portListsOf } from "./port-list.ts";

const PORT = {
  port: 65_535,
  address: "0000:0000:0000:0000:0000:0000:0000:0000",
  pid: 4_194_304,
  process: "fifteen-letters",
};
const listOf = (count: number) => JSON.stringify({ ports: Array.from({ length: count }, () => PORT) });

describe("a list of ports", () => {
  it("may be as long as the longest of the agent", () => {
    expect(parsePortList(listOf(4096)).ports).toHaveLength(4096);
  });

  it.each([
    ["more ports than that", listOf(4097)],
    ["more bytes than that", `{"ports":[]${" ".repeat(512 * 1024)}}`],
    ["no ports", "{}"],
    ["another type", '{"ports":{"length":1}}'],
    ["nothing", "null"],
    ["no JSON", "{"],
  ])("is refused with %s", (_what, text) => {
    expect(() => parsePortList(text)).toThrow(expect.objectContaining({ code: "agent_error" }));
  });

  it("is refused at the first port that is none", () => {
    const parse = vi.spyOn(portSchema, "parse");
    expect(() => parsePortList(`{"ports":[${Array(4000).fill("{}")}]}`)).toThrow();
    expect(parse).toHaveBeenCalledOnce();
    parse.mockRestore();
  });
});

describe("lists of ports, one a line", () => {
  async function readAll(...chunks: string[]): Promise<number[]> {
    const lengths: number[] = [];
    for await (const { ports } of portListsOf(Readable.from(chunks.map((chunk) => Buffer.from(chunk))))) {
      lengths.push(ports.length);
    }
    return lengths;
  }

  it("are found however they are cut", async () => {
    const text = `${listOf(1)}\n${listOf(0)}\n${listOf(3)}\n`;
    expect(await readAll(text)).toEqual([1, 0, 3]);
    expect(await readAll(...(text.match(/[^]/g) ?? []))).toEqual([1, 0, 3]);
  });

  it("are refused when a line does not end", async () => {
    await expect(readAll(...Array<string>(9).fill(" ".repeat(64 * 1024)))).rejects.toMatchObject({
      code: "agent_error",
    });
  });
});
