import { setTimeout as sleep } from "node:timers/promises";
import type { WatchSandboxesResponse } from "@wrenn/protocol/gen/hostagent_pb";
import { expect, it } from "vitest";
import type { HostClient } from "./clients.ts";
import { HostWatch, type WatchHandlers } from "./watch.ts";

it("does not call a host lost when it is the handler that fails, and begins anew", async () => {
  const answering = {
    unary: { getHost: async () => ({}) },
    stream: {
      async *watchSandboxes(_: object, { signal }: { signal: AbortSignal }) {
        yield { event: { case: "snapshot" } };
        await sleep(60_000, undefined, { signal });
      },
    },
  } as unknown as HostClient;
  const seen: string[] = [];
  const followed = Promise.withResolvers<void>();
  const failOnce = async (what: string) => {
    seen.push(what);
    if (seen.filter((one) => one === what).length === 1) throw new Error(`the database is away: ${what}`);
  };
  const handlers: WatchHandlers = {
    connected: () => failOnce("connected"),
    event: (event: WatchSandboxesResponse["event"]) => failOnce(String(event.case)).then(followed.resolve),
    lost: async () => void seen.push("lost"),
    failed: (error) => void seen.push((error as Error).message),
  };
  await using _watch = new HostWatch(answering, handlers, true);
  await followed.promise;
  const failure = (what: string) => [what, `the database is away: ${what}`];
  expect(seen).toEqual([...failure("connected"), "connected", ...failure("snapshot"), "connected", "snapshot"]);
});
