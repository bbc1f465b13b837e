import { expect, it } from "vitest";
import type { ProcessStream } from "./process-stream.ts";
import { feedProcess } from "./processes.ts";

it.each([
  ["has read it", undefined, ["closed"]],
  ["was waited for long enough", AbortSignal.abort(), ["closed"]],
  ["could not be given it", new AbortController().signal, []],
])("gives a process all of its input, and what follows when it %s", async (when, patience, after) => {
  const calls: unknown[] = [];
  const process = {
    async sendInput({ input }: { input: { input: { value: Uint8Array } } }) {
      calls.push(Buffer.from(input.input.value).toString());
      await new Promise((resolve) => setImmediate(resolve));
      calls.push("answered");
      if (when !== "has read it") throw new Error("not answered");
    },
    async closeStdin() {
      calls.push("closed");
    },
  };
  const input = Buffer.alloc(500_000, "abc");
  await feedProcess({ guest: { process }, pid: 7 } as unknown as ProcessStream, input, patience);
  expect(calls).toEqual([input.toString(), "answered", ...after]);
});
