import { closeSync, readFileSync } from "node:fs";
import { connect as connectTo, Socket } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Signal, StreamInputRequestSchema } from "@wrenn/protocol/gen/process_pb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pipe } from "../system/libc.ts";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { begin, collect, run, shell } from "../testing/run.ts";
import { ProcessInput } from "./process-input.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

type InputMessage = MessageInitShape<typeof StreamInputRequestSchema>;

const MIB = 1024 * 1024;

function byPid(pid: number) {
  return { selector: { case: "pid", value: pid } } as const;
}

function stdin(value: Uint8Array | string) {
  return { input: { case: "stdin", value: Buffer.from(value) } } as const;
}

async function codeOf(call: Promise<unknown>): Promise<Code | undefined> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error === undefined ? undefined : ConnectError.from(error).code;
}

/** A program with an open input, its output to come. */
async function start(cmd: string, args: string[] = [], client = fixture.client()) {
  const { pid, rest } = await begin(client.start({ process: { cmd, args } }));
  return { pid, process: byPid(pid), result: collect(rest) };
}

/** Bytes that a process has read so far. */
function bytesRead(pid: number): number {
  return Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
}

describe.each(["binary", "json"] as const)("input in %s", (format) => {
  it("arrives as it was sent, then the end", async () => {
    const client = fixture.client(format);
    const { process, result } = await start("cat", [], client);
    await client.sendInput({ process, input: stdin("a\0\xff") });
    await client.sendInput({ process, input: stdin("") });
    await client.sendInput({ process, input: stdin("b") });
    await client.closeStdin({ process });
    const { stdout, end } = await result;
    expect(stdout.toString()).toBe("a\0\xffb");
    expect(end.exitCode).toBe(0);
  });

  it("comes as a stream too", async () => {
    const client = fixture.client(format);
    const { process, result } = await start("cat", [], client);
    const lines = Array.from({ length: 500 }, (_, index) => `${index}\n`);
    await client.streamInput(
      (async function* (): AsyncGenerator<InputMessage> {
        yield { event: { case: "start", value: { process } } };
        yield { event: { case: "keepalive", value: {} } };
        for (const line of lines) yield { event: { case: "data", value: { input: stdin(line) } } };
      })(),
    );
    await client.closeStdin({ process });
    expect((await result).stdout.toString()).toBe(lines.join(""));
  });
});

describe("input", () => {
  it("sent all at once keeps its order", async () => {
    const client = fixture.client();
    const { process, result } = await start("cat");
    const pieces = Array.from({ length: 64 }, (_, index) => Buffer.alloc(100_000, String.fromCharCode(33 + index)));
    // One connection each could overtake another: what one client sends is ordered by awaiting or by a stream.
    for (const piece of pieces) await client.sendInput({ process, input: stdin(piece) });
    await client.closeStdin({ process });
    expect((await result).stdout.equals(Buffer.concat(pieces))).toBe(true);
  });

  it("waits while the process does not read, and holds a stream's client back", async () => {
    const client = fixture.client();
    // It reads when it is told to.
    const { pid, process, result } = await start("/bin/sh", [
      "-c",
      "trap 'exec wc -c' USR1; while :; do sleep 0.05; done",
    ]);
    let sent = 0;
    const total = 64;
    const streaming = client.streamInput(
      (async function* (): AsyncGenerator<InputMessage> {
        yield { event: { case: "start", value: { process } } };
        for (; sent < total; sent += 1) {
          yield { event: { case: "data", value: { input: stdin(Buffer.alloc(MIB)) } } };
        }
      })(),
    );
    let seen = -1;
    // It has stopped when nothing was added between two looks.
    await vi.waitUntil(() => sent > 0 && seen === (seen = sent), { interval: 300, timeout: 4000 });
    expect(seen).toBeLessThan(total / 2);
    await client.sendSignal({ process, signal: 10 as Signal });
    await streaming;
    expect(sent).toBe(total);
    await client.closeStdin({ process });
    expect((await result).stdout.toString().trim()).toBe(String(total * MIB));
    expect(pid).toBeGreaterThan(0);
  });

  it("that nobody reads is refused before it fills the memory", async () => {
    const client = fixture.client();
    const { process, result } = await start("sleep", ["1000"]);
    const codes: (Code | undefined)[] = [];
    const sending = Array.from({ length: 8 }, async () =>
      codes.push(await codeOf(client.sendInput({ process, input: stdin(Buffer.alloc(0.19 * MIB)) }))),
    );
    // Five of them fit.
    await vi.waitUntil(() => codes.length === 3);
    await client.sendSignal({ process, signal: 9 });
    await Promise.all([result, ...sending]);
    const [refused, ended] = [Code.ResourceExhausted, Code.FailedPrecondition];
    expect(codes).toEqual([refused, refused, refused, ended, ended, ended, ended, ended]);
  });

  it("is refused after its end, after the process has closed it, and where there is none", async () => {
    const client = fixture.client();
    const { process, pid, result } = await start("/bin/sh", ["-c", "exec 0<&-; exec sleep 1000"]);
    await vi.waitUntil(() => readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("sleep"));
    expect(await codeOf(client.sendInput({ process, input: stdin("x") }))).toBe(Code.FailedPrecondition);
    expect(await codeOf(client.closeStdin({ process }))).toBeUndefined();
    expect(await codeOf(client.closeStdin({ process }))).toBeUndefined();
    expect(await codeOf(client.sendInput({ process, input: stdin("x") }))).toBe(Code.FailedPrecondition);
    expect(await codeOf(client.sendInput({ process }))).toBe(Code.InvalidArgument);
    expect(
      await codeOf(client.sendInput({ process, input: { input: { case: "pty", value: Buffer.from("x") } } })),
    ).toBe(Code.FailedPrecondition);
    await client.sendSignal({ process, signal: 9 });
    await result;
    expect(await codeOf(client.sendInput({ process, input: stdin("x") }))).toBe(Code.NotFound);

    const { pid: deaf, rest } = await begin(client.start(shell("sleep 1000")));
    expect(await codeOf(client.sendInput({ process: byPid(deaf), input: stdin("x") }))).toBe(Code.FailedPrecondition);
    expect(await codeOf(client.closeStdin({ process: byPid(deaf) }))).toBe(Code.FailedPrecondition);
    await client.sendSignal({ process: byPid(deaf), signal: 9 });
    await collect(rest);
  });

  it("of a client that goes away in the middle of a stream is what it had sent", async () => {
    const client = fixture.client();
    const { process, pid, result } = await start("cat");
    const controller = new AbortController();
    const before = bytesRead(pid);
    const streaming = client.streamInput(
      (async function* (): AsyncGenerator<InputMessage> {
        yield { event: { case: "start", value: { process } } };
        yield { event: { case: "data", value: { input: stdin("one") } } };
        await vi.waitUntil(() => bytesRead(pid) >= before + 3);
        controller.abort();
        await new Promise(() => {});
      })(),
      { signal: controller.signal },
    );
    expect(await codeOf(streaming)).toBe(Code.Canceled);
    await client.sendInput({ process, input: stdin("two") });
    await client.closeStdin({ process });
    expect((await result).stdout.toString()).toBe("onetwo");
  });
});

describe("input for many processes that do not read", () => {
  it("is bounded for all of them together, and streams wait for room", async () => {
    const pipes = Array.from({ length: 17 }, () => pipe());
    const inputs = pipes.map(
      ({ write }) => new ProcessInput(1, () => new Socket({ fd: write, readable: false, writable: true })),
    );
    const [first, ...others] = inputs;
    const last = others.pop();
    const writing = [first, ...others].map(async (input) => input?.write(Buffer.alloc(MIB)));
    await expect(last?.write(Buffer.alloc(1))).rejects.toMatchObject({ code: "too_large" });
    const streaming = last?.writeAll(Buffer.alloc(0.75 * MIB));
    first?.destroy();
    await expect(writing[0]).rejects.toMatchObject({ code: "invalid_state" });
    const { read = -1 } = pipes.at(-1) ?? {};
    const reader = new Socket({ fd: read, writable: false });
    let length = 0;
    reader.on("data", (bytes: Buffer) => (length += bytes.length));
    await streaming;
    await vi.waitUntil(() => length === 0.75 * MIB);
    for (const input of inputs) input.destroy();
    await Promise.allSettled(writing);
    for (const pipeOfOne of pipes.slice(0, -1)) closeSync(pipeOfOne.read);
  });

  it("does not keep a stream waiting for a process that is gone", async () => {
    const { read, write } = pipe();
    const input = new ProcessInput(1, () => new Socket({ fd: write, readable: false, writable: true }));
    const streaming = [0, 1].map(() => input.writeAll(Buffer.alloc(3 * MIB)));
    const refused = streaming.map((one) => expect(one).rejects.toMatchObject({ code: "invalid_state" }));
    input.destroy();
    await Promise.all(refused);
    closeSync(read);
  });
});

describe("the end of the input", () => {
  it("comes after what still waits", async () => {
    const { read, write } = pipe();
    const input = new ProcessInput(1, () => new Socket({ fd: write, readable: false, writable: true }));
    const writing = input.write(Buffer.alloc(MIB));
    input.close();
    await expect(input.write(Buffer.alloc(1))).rejects.toMatchObject({ code: "invalid_state" });
    let length = 0;
    for await (const piece of new Socket({ fd: read, writable: false })) length += piece.length;
    expect(length).toBe(MIB);
    await writing;
  });

  it("is not waited for when the process is gone: what waits is refused", async () => {
    const { read, write } = pipe();
    const input = new ProcessInput(1, () => new Socket({ fd: write, readable: false, writable: true }));
    const writing = input.write(Buffer.alloc(MIB));
    input.destroy();
    await expect(writing).rejects.toMatchObject({ code: "invalid_state" });
    closeSync(read);
  });
});

describe("a stream of input that is wrong", () => {
  async function* messages(...list: InputMessage[]): AsyncGenerator<InputMessage> {
    yield* list;
  }
  const data: InputMessage = { event: { case: "data", value: { input: stdin("x") } } };

  it.each(["binary", "json"] as const)("is refused with what is wrong, in %s", async (format) => {
    const client = fixture.client(format);
    expect(await codeOf(client.streamInput(messages(data)))).toBe(Code.InvalidArgument);
    const ghost: InputMessage = { event: { case: "start", value: { process: byPid(1) } } };
    expect(await codeOf(client.streamInput(messages(ghost, data)))).toBe(Code.NotFound);
    expect(await codeOf(client.streamInput(messages()))).toBeUndefined();
  });

  it("is answered while its client goes on sending", async () => {
    const { port, hostname } = new URL(fixture.url);
    const socket = connectTo(Number(port), hostname);
    const head = [
      "POST /process.Process/StreamInput HTTP/1.1",
      "host: x",
      "content-type: application/connect+json",
      "transfer-encoding: chunked",
      "x-access-token: token-of-the-tests",
      "",
      "",
    ];
    socket.write(head.join("\r\n"));
    const chunk = Buffer.alloc(65_536, 0xff);
    const pump = () => {
      while (
        !socket.destroyed &&
        socket.write(`${chunk.length.toString(16)}\r\n${chunk.toString("latin1")}\r\n`, "latin1")
      );
    };
    socket.on("drain", pump).on("error", () => {});
    pump();
    let answer = "";
    socket.setEncoding("latin1").on("data", (text) => (answer += String(text)));
    await vi.waitUntil(() => answer.includes("invalid_argument"));
    socket.destroy();
    expect((await run(fixture.client(), shell("echo fine"))).stdout.toString()).toBe("fine\n");
  });
});
