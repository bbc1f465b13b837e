import { expect, it } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
import { bytePath, onDisk, textOf, within } from "./byte-path.ts";

it("keeps every byte, whether it is text or not", () => {
  expect(onDisk(bytePath("/ä/😀"))).toEqual(Buffer.from("/ä/😀"));
  expect(textOf(bytePath("/ä/😀"))).toBe("/ä/😀");
});

it("shows what is not UTF-8 as a replacement character", () => {
  const name = Buffer.from([0x61, 0xff, 0x62]).toString("latin1") as ReturnType<typeof bytePath>;
  expect(textOf(name)).toBe("a\ufffdb");
  expect(onDisk(within(bytePath("/"), name))).toEqual(Buffer.from([0x2f, 0x61, 0xff, 0x62]));
});

it(
  "brings any bytes to the disk as they are, and always has text to show",
  fuzz(500, (random) => {
    const bytes = random.bytes(random.below(60));
    const path = bytes.toString("latin1") as ReturnType<typeof bytePath>;
    expect(onDisk(path)).toEqual(bytes);
    expect(textOf(path).isWellFormed()).toBe(true);
  }),
);
