import { create } from "@bufbuild/protobuf";
import { type StartResponse, StartResponseSchema } from "@wrenn/protocol/gen/process_pb";
import { describe, expect, it } from "vitest";
import type { GuestClient } from "../hosts/guest-client.ts";
import { openProcess } from "./process-stream.ts";

const guest = {} as GuestClient;

function started(pid: number): StartResponse {
  return create(StartResponseSchema, { event: { event: { case: "start", value: { pid } } } });
}

function ended(): StartResponse {
  return create(StartResponseSchema, { event: { event: { case: "end", value: { exitCode: 0 } } } });
}

describe("openProcess", () => {
  it("starts nothing for somebody who has left", async () => {
    let calls = 0;
    const call = async function* () {
      calls += 1;
      yield started(1);
    };
    await expect(openProcess(guest, call, AbortSignal.abort())).rejects.toThrow();
    expect(calls).toBe(0);
  });

  it("reads an answer to its end, so that its connection can carry the next, although its reader stops at the end event", async () => {
    const { promise: wasRead, resolve } = Promise.withResolvers<void>();
    let wasAborted = false;
    const call = async function* ({ signal }: { signal: AbortSignal }) {
      signal.addEventListener("abort", () => (wasAborted = true));
      yield started(1);
      yield ended();
      resolve();
    };
    {
      using process = await openProcess(guest, call);
      for await (const event of process.output) if (event.case === "end") break;
    }
    await wasRead;
    expect(wasAborted).toBe(false);
  });

  it("breaks off when its reader leaves before the end", async () => {
    const { promise: wasAborted, resolve } = Promise.withResolvers<unknown>();
    const call = async function* ({ signal }: { signal: AbortSignal }) {
      signal.addEventListener("abort", resolve);
      yield started(1);
      await wasAborted;
    };
    (await openProcess(guest, call))[Symbol.dispose]();
    await wasAborted;
  });
});
