import { expect, it } from "vitest";
import type { ProcessStream } from "./process-stream.ts";
import { feedProcess } from "./processes.ts";

it("feeds a process piece by piece, in order, and closes its input at the end", async () => {
  const pieces: Uint8Array[] = [];
  let underway = 0;
  let closed = false;
  const process = {
    async sendInput({ input }: { input: { input: { value: Uint8Array } } }) {
      underway += 1;
      expect([underway, closed]).toEqual([1, false]);
      await new Promise((resolve) => setImmediate(resolve));
      underway -= 1;
      pieces.push(input.input.value);
    },
    async closeStdin() {
      closed = true;
    },
  };
  const input = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251));
  await feedProcess({ guest: { process }, pid: 7 } as unknown as ProcessStream, input);
  expect(Buffer.concat(pieces).equals(input)).toBe(true);
  expect(Math.max(...pieces.map(({ length }) => length))).toBe(256 * 1024);
  expect(closed).toBe(true);
});
