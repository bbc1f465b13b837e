import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { begin, collect, run, shell } from "../testing/run.ts";
import { LOG_CAPACITY } from "./output-log.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

function byTag(value: string) {
  return { selector: { case: "tag", value } } as const;
}

function byPid(value: number) {
  return { selector: { case: "pid", value } } as const;
}

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

/** Numbers from 1 on, a line each. */
function numbers(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, index) => `${index + 1}\n`).join(""));
}

describe.each(["binary", "json"] as const)("Connect in %s", (format) => {
  it("follows a process from then on", async () => {
    const client = fixture.client(format);
    const first = await begin(client.start({ process: { cmd: "cat" }, tag: "mine" }));
    const say = (text: string) =>
      client.sendInput({ process: byTag("mine"), input: { input: { case: "stdin", value: Buffer.from(text) } } });
    await say("before ");
    expect((await first.rest.next()).done).toBe(false);
    const second = await begin(client.connect({ process: byTag("mine") }));
    expect(second.pid).toBe(first.pid);
    const results = Promise.all([collect(first.rest), collect(second.rest)]);
    await say("after");
    await client.closeStdin({ process: byTag("mine") });
    const [one, two] = await results;
    expect([one.stdout.toString(), two.stdout.toString()]).toEqual(["after", "after"]);
    expect(one.chunks.at(-1)?.seq).toBe("before after".length);
    expect([one.end.exitCode, two.end.exitCode]).toEqual([0, 0]);
  });

  it("replays what a client has missed, from where it was", async () => {
    const client = fixture.client(format);
    const controller = new AbortController();
    const first = await begin(client.start(shell("seq 1 2000; exec sleep 1000"), { signal: controller.signal }));
    let seq = 0;
    let seen = Buffer.alloc(0);
    for await (const { event } of first.rest) {
      if (event?.event.case !== "data") continue;
      seen = Buffer.concat([seen, event.event.value.output.value ?? Buffer.alloc(0)]);
      seq = Number(event.event.value.seq);
      break;
    }
    expect(seq).toBe(seen.length);
    controller.abort();
    await vi.waitUntil(async () => Number((await client.list({})).processes[0]?.seq) === numbers(2000).length);
    const again = await begin(client.connect({ process: byPid(first.pid), fromSeq: BigInt(seq) }));
    await client.sendSignal({ process: byPid(first.pid), signal: 9 });
    const rest = await collect(again.rest);
    expect(Buffer.concat([seen, rest.stdout]).equals(numbers(2000))).toBe(true);
    expect(rest.lostBytes).toBe(0);
  });
});

describe("Connect", () => {
  it("keeps the last 256 KiB for all who come later, both streams in order, and tells what is lost", async () => {
    const client = fixture.client();
    const { pid, stdout } = await run(client, shell("seq 1 100000; echo end >&2"));
    const total = stdout.length + "end\n".length;
    const all = await collect(client.connect({ process: byPid(pid), fromSeq: 0n }));
    expect(all.stdout.equals(stdout.subarray(total - LOG_CAPACITY))).toBe(true);
    expect(all.chunks.at(-1)).toMatchObject({ stream: "stderr", seq: total });
    expect(all.lostBytes).toBe(0);
    const from = await collect(client.connect({ process: byPid(pid), fromSeq: 5n }));
    expect(from.lostBytes).toBe(total - LOG_CAPACITY - 5);
    expect(from.stdout.equals(all.stdout)).toBe(true);
    const error = await refusal(collect(client.connect({ process: byPid(pid), fromSeq: BigInt(total + 1) })));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toContain(`${total} bytes`);
  });

  it("finds a process that ended a moment ago, which is not listed and takes no signal", async () => {
    const client = fixture.client();
    const { pid } = await run(client, { ...shell("echo text; exit 7"), tag: "short" });
    const late = await collect(client.connect({ process: byTag("short"), fromSeq: 0n }));
    expect([late.pid, late.stdout.toString(), late.end.exitCode]).toEqual([pid, "text\n", 7]);
    expect((await collect(client.connect({ process: byPid(pid) }))).stdout).toHaveLength(0);
    expect((await client.list({})).processes).toEqual([]);
    expect((await refusal(client.sendSignal({ process: byPid(pid), signal: 15 }))).code).toBe(Code.NotFound);
  });

  it("prefers a process that runs to one of the same tag that has ended, and the later one to the earlier", async () => {
    const client = fixture.client();
    const select = async () => (await begin(client.connect({ process: byTag("same") }))).pid;
    const ended = await run(client, { ...shell("exit 1"), tag: "same" });
    const runs = await begin(client.start({ ...shell("exec sleep 1000"), tag: "same" }));
    expect(await select()).toBe(runs.pid);
    await run(client, { ...shell("exit 2"), tag: "same" });
    expect(await select()).toBe(runs.pid);
    const last = await begin(client.start({ ...shell("exec sleep 1000"), tag: "same" }));
    expect(await select()).toBe(last.pid);
    expect(ended.pid).not.toBe(last.pid);
  });

  it("refuses a process there is not", async () => {
    const client = fixture.client();
    expect((await refusal(collect(client.connect({ process: byTag("ghost") })))).code).toBe(Code.NotFound);
    expect((await refusal(collect(client.connect({ process: byPid(1), fromSeq: 0n })))).code).toBe(Code.NotFound);
    expect((await refusal(collect(client.connect({})))).code).toBe(Code.InvalidArgument);
  });
});

describe("several readers", () => {
  it("of whom one does not read: the others get every byte, and it is told what it lost", {
    timeout: 30_000,
  }, async () => {
    const client = fixture.client();
    const expected = numbers(3_000_000);
    const { pid, rest } = await begin(
      client.start({ process: { cmd: "/bin/sh", args: ["-c", "read go; seq 1 3000000"] } }),
    );
    const gate = Promise.withResolvers<void>();
    const fast = await begin(client.connect({ process: byPid(pid) }));
    const slow = await begin(client.connect({ process: byPid(pid) }));
    const results = Promise.all([collect(rest), collect(fast.rest)]);
    const slowResult = collect(slow.rest, () => gate.promise);
    await client.sendInput({ process: byPid(pid), input: { input: { case: "stdin", value: Buffer.from("\n") } } });
    for (const { stdout, lostBytes } of await results) {
      expect(lostBytes).toBe(0);
      expect(stdout.equals(expected)).toBe(true);
    }
    gate.resolve();
    const { chunks, lostBytes, stdout, end } = await slowResult;
    expect(lostBytes).toBeGreaterThan(0);
    expect(lostBytes + stdout.length).toBe(expected.length);
    for (const { bytes, seq } of chunks) {
      expect(Buffer.compare(bytes, expected.subarray(seq - bytes.length, seq))).toBe(0);
    }
    expect(chunks.at(-1)?.seq).toBe(expected.length);
    expect(end.exitCode).toBe(0);
  });
});
