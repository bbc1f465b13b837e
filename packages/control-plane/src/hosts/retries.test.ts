import { beforeEach, expect, it, vi } from "vitest";
import type { HostClient } from "./clients.ts";
import { HostWatch } from "./watch.ts";

const pauses: number[] = vi.hoisted(() => []);

vi.mock("node:timers/promises", async (original) => ({
  ...(await original<typeof import("node:timers/promises")>()),
  setTimeout: (ms: number) => {
    pauses.push(ms);
    return new Promise((resolve) => setImmediate(resolve));
  },
}));

beforeEach(() => void pauses.splice(0));

it.each([
  [true, 15_000],
  [false, 120_000],
])("asks a host that does not answer less and less (known before: %s)", async (known, most) => {
  const getHost = () => Promise.reject(new Error("nobody is there"));
  const dead = { unary: { getHost } } as unknown as HostClient;
  const handlers = { connected: async () => {}, event: async () => {}, lost: async () => {}, failed: () => {} };
  const watch = new HostWatch(dead, handlers, known);
  while (pauses.length < 20) await new Promise(setImmediate);
  await watch.close();
  expect(pauses.slice(0, 4)).toEqual([50, 100, 200, 400]);
  expect(pauses.at(-1)).toBe(most);
});
