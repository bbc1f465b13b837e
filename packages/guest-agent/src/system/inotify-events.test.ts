import { describe, expect, it } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
import { IN, parseEvents } from "./inotify-events.ts";

function eventBytes(watch: number, mask: number, cookie: number, name: Buffer, padding = 1): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(watch, 0);
  header.writeUInt32LE(mask, 4);
  header.writeUInt32LE(cookie, 8);
  header.writeUInt32LE(name.length + padding, 12);
  return Buffer.concat([header, name, Buffer.alloc(padding)]);
}

describe("parseEvents", () => {
  it("reads several events, of the folder itself and of what is in it", () => {
    const bytes = Buffer.concat([
      eventBytes(1, IN.CREATE | IN.ISDIR, 0, Buffer.from("folder"), 10),
      eventBytes(2, IN.DELETE_SELF, 0, Buffer.alloc(0), 0),
      eventBytes(-1, IN.Q_OVERFLOW, 0, Buffer.alloc(0), 0),
      eventBytes(1, IN.MOVED_TO, 77, Buffer.from([0xff, 0x41])),
    ]);
    expect(parseEvents(bytes)).toEqual([
      { watch: 1, mask: 0x4000_0100, cookie: 0, name: "folder" },
      { watch: 2, mask: 0x400, cookie: 0, name: "" },
      { watch: -1, mask: 0x4000, cookie: 0, name: "" },
      { watch: 1, mask: 0x80, cookie: 77, name: "\u00ffA" },
    ]);
  });

  it(
    "reads back what was written, and leaves out what is cut off",
    fuzz(300, (random) => {
      const names = Array.from({ length: random.below(5) }, () =>
        Buffer.from(random.bytes(random.below(40)).map((byte) => byte || 1)),
      );
      const bytes = Buffer.concat(names.map((name, index) => eventBytes(index, IN.CREATE, 0, name, random.below(8))));
      expect(parseEvents(bytes).map((event) => event.name)).toEqual(names.map((name) => name.toString("latin1")));
      const cut = parseEvents(bytes.subarray(0, random.below(bytes.length + 1)));
      expect(parseEvents(bytes).slice(0, cut.length)).toEqual(cut);
    }),
  );

  it(
    "survives any bytes",
    fuzz(1000, (random) => {
      const bytes = random.bytes(random.below(120));
      const events = parseEvents(bytes);
      expect(events.length).toBeLessThanOrEqual(bytes.length / 16);
    }),
  );
});
