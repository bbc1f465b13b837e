import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { PassThrough, Readable } from "node:stream";
import { WrennError } from "@wrenn/protocol/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { FakeCapsule } from "../testing/fake-capsule.ts";

let capsule: FakeCapsule;
beforeEach(async () => {
  capsule = await FakeCapsule.start();
});
afterEach(() => capsule[Symbol.asyncDispose]());

describe("wrenn exec", () => {
  it("passes on stdout and stderr byte by byte", async () => {
    const bytes = randomBytes(3 * 1024 * 1024);
    writeFileSync(capsule.path("random"), bytes);
    const result = await capsule.wrenn(["exec", "cl-a", "sh", "-c", "cat random; echo said >&2"]);
    expect(result.bytes.equals(bytes)).toBe(true);
    expect(result).toMatchObject({ code: 0, stderr: "said\n" });
  });

  it("shows output while the command runs", async () => {
    const input = new PassThrough();
    const running = capsule.wrenn(["exec", "-i", "cl-a", "sh", "-c", "echo ready; read x; echo $x"], input);
    await expect.poll(shownSoFar).toContain("ready\n");
    input.end("go\n");
    expect(await running).toMatchObject({ code: 0, stdout: "ready\ngo\n" });
  });

  it.each([
    ["exit 0", 0],
    ["exit 42", 42],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
  ])("ends with the code of `%s`", async (script, code) => {
    expect(await capsule.wrenn(["exec", "cl-a", "--", "sh", "-c", script])).toMatchObject({ code, stderr: "" });
  });

  it("starts the command with what its options say", async () => {
    const options = ["-e", "A=1=2", "-w", "/tmp", "-u", "user", "--tag", "mine"];
    await capsule.wrenn(["exec", ...options, "cl-a", "--", "env", "--null"]);
    expect(capsule.messages).toEqual([
      {
        type: "start",
        cmd: "env",
        args: ["--null"],
        envs: { A: "1=2" },
        cwd: "/tmp",
        user: "user",
        tag: "mine",
        stdin: false,
        encoding: "base64",
      },
    ]);
  });

  it("gives an empty stdin without -i", async () => {
    const input = Readable.from([Buffer.from("not for it")]);
    expect(await capsule.wrenn(["exec", "cl-a", "cat"], input)).toMatchObject({ code: 0, stdout: "" });
  });

  it("says with code 125 that the command did not run", async () => {
    capsule.refuses = () => new WrennError("invalid_state", "capsule is not running");
    expect(await capsule.wrenn(["exec", "cl-a", "true"])).toMatchObject({
      code: 125,
      stderr: "error: capsule is not running (invalid_state)\n",
    });
    expect(await capsule.wrenn(["exec", "cl-a", "/no/such/program"])).toMatchObject({ code: 125 });
  });

  it("kills what takes longer than --timeout", async () => {
    const result = await capsule.wrenn(["exec", "--timeout", "1", "cl-a", "sleep", "60"]);
    expect(result).toMatchObject({ code: 125, stderr: expect.stringContaining("exec_timeout") });
    expect(capsule.processes[0]?.child.signalCode).toBe("SIGKILL");
  });

  it("leaves it to the server to kill what takes longer, which is there when this command is not", async () => {
    await capsule.wrenn(["exec", "--timeout", "7", "cl-a", "true"]);
    await capsule.wrenn(["exec", "-t", "--timeout", "8", "cl-a", "true"]);
    await capsule.wrenn(["exec", "-d", "--timeout", "9", "cl-a", "true"]);
    expect(capsule.processes.map(({ command }) => command.timeout_sec)).toEqual([7, 8, 9]);
    expect(capsule.messages.filter(({ type }) => type === "signal")).toEqual([]);
  });

  it.each([
    [["-d", "-i"], "-d cannot"],
    [["-t", "--json"], "-t cannot"],
    [["-it"], "must be a terminal"],
  ])("refuses %s", async (options, said) => {
    const result = await capsule.wrenn(["exec", ...options, "cl-a", "true"], Readable.from([]));
    expect(result).toMatchObject({ code: 125, stderr: expect.stringContaining(said) });
    expect(capsule.processes).toEqual([]);
  });
});

describe("wrenn exec -i", () => {
  it("sends stdin to its last byte, then its end", async () => {
    const bytes = randomBytes(2 * 1024 * 1024);
    const result = await capsule.wrenn(["exec", "-i", "cl-a", "cat"], Readable.from([bytes], { objectMode: false }));
    expect(result.bytes.equals(bytes)).toBe(true);
  });

  it("ends with the command, although stdin goes on", async () => {
    const input = new PassThrough();
    input.write("first line\n");
    const result = await capsule.wrenn(["exec", "-i", "cl-a", "head", "-n", "1"], input);
    expect(result).toMatchObject({ code: 0, stdout: "first line\n" });
    expect(input.destroyed).toBe(true);
  });

  it("lets signals through when the command does not read", async () => {
    const input = Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(64 * 1024)));
    const running = capsule.wrenn(["exec", "-i", "cl-a", "sleep", "60"], input);
    const given = () => capsule.messages.filter(({ type }) => type === "stdin").length;
    let before = -1;
    await expect.poll(() => given() > 0 && before === (before = given()), { interval: 200 }).toBe(true);
    // Less than the server takes before it reads nothing more.
    expect(before * 64).toBeLessThan(1024);
    process.emit("SIGINT", "SIGINT");
    expect(await running).toMatchObject({ code: 130 });
  });

  it("says that stdin cannot be read", async () => {
    const input = new Readable({ read: () => void input.destroy(new Error("EISDIR")) });
    const result = await capsule.wrenn(["exec", "-i", "cl-a", "cat"], input);
    expect(result).toMatchObject({ code: 125, stderr: expect.stringContaining("stdin cannot be read") });
  });
});

describe("wrenn exec -d", () => {
  it("prints pid and tag, and leaves it running", async () => {
    const result = await capsule.wrenn(["exec", "-d", "--tag", "job", "cl-a", "sleep", "60"]);
    const pid = capsule.processes[0]?.child.pid;
    expect(result).toMatchObject({ code: 0, stdout: `${pid} job\n` });
    expect(capsule.processes[0]?.running).toBe(true);
    expect(capsule.streams).toEqual([]);
  });
});

describe("a connection that breaks", () => {
  /** Breaks one connection in the middle of the output, and once more. */
  function breakTwice(): void {
    let outputs = 0;
    capsule.breaks = ({ type }) => type === "stdout" && [3, 5].includes(++outputs);
  }

  it("loses and repeats nothing", async () => {
    breakTwice();
    const script = "for i in $(seq 9); do echo $i; sleep 0.05; done; exit 3";
    const result = await capsule.wrenn(["exec", "cl-a", "sh", "-c", script]);
    expect(result).toMatchObject({ code: 3, stdout: "1\n2\n3\n4\n5\n6\n7\n8\n9\n", stderr: "" });
    expect(capsule.streams).toEqual([
      "exec/stream",
      expect.stringMatching(/^processes\/exec-[0-9a-f]{8}\/stream\?from_seq=\d+&encoding=base64$/),
      expect.stringMatching(/^processes\/exec-[0-9a-f]{8}\/stream\?from_seq=\d+&encoding=base64$/),
    ]);
  });

  it("is made again also when the end was lost", async () => {
    let broken = false;
    capsule.breaks = ({ type }) => type === "exit" && !broken && (broken = true);
    expect(await capsule.wrenn(["exec", "cl-a", "sh", "-c", "echo x; exit 7"])).toMatchObject({
      code: 7,
      stdout: "x\n",
    });
  });

  it("is told when input may be lost with it", async () => {
    const input = new PassThrough();
    input.write("some");
    capsule.breaks = ({ type }) => type === "ack";
    const result = await capsule.wrenn(["exec", "-i", "cl-a", "cat"], input);
    expect(result).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("some of the input may not have arrived"),
    });
  });

  it("is told when the process is gone", async () => {
    capsule.breaks = ({ type }) => type === "stdout" && capsule.processes.splice(0).length > 0;
    const result = await capsule.wrenn(["exec", "cl-a", "echo", "x"]);
    expect(result).toMatchObject({ code: 125, stderr: expect.stringContaining("no such process") });
  });
});

/** What a process says, as the server sends it. */
function stdout(text: string, seq: number): object {
  return { type: "stdout", data: Buffer.from(text).toString("base64"), seq };
}

function sending(...messages: object[]): (socket: WebSocket) => void {
  return (socket) => messages.forEach((message) => socket.send(JSON.stringify(message)));
}

const START = { type: "start", pid: 1 };
const EXIT = { type: "exit", exit_code: 0 };

it("takes from a replay only what is new", async () => {
  const broken = (socket: WebSocket) => {
    socket.once("message", () => {
      sending(START, stdout("abc", 3))(socket);
      socket.close(1011);
    });
  };
  capsule.serves = {
    "exec/stream": broken,
    "processes/mine/stream": sending(START, stdout("a", 1), stdout("bcde", 5), stdout("f", 6), EXIT),
  };
  expect(await capsule.wrenn(["exec", "--tag", "mine", "cl-a", "true"])).toMatchObject({ code: 0, stdout: "abcdef" });
  expect(capsule.streams.at(-1)).toBe("processes/mine/stream?from_seq=3&encoding=base64");
});

it.each([
  ["says", [stdout("a", 1), { type: "gap", lost_bytes: 10 }, stdout("b", 12)]],
  ["does not say", [stdout("b", 11)]],
])("does not end well when output is missing, which the server %s", async (_what, messages) => {
  capsule.serves = { "exec/stream": sending(START, ...messages, EXIT) };
  const result = await capsule.wrenn(["exec", "cl-a", "true"]);
  expect(result).toMatchObject({ code: 125, stderr: expect.stringContaining("10 bytes of its output are missing") });
});

function shownSoFar(): string {
  const { write } = process.stdout as unknown as { write: { mock: { calls: [Buffer][] } } };
  return write.mock.calls.map(([piece]) => String(piece)).join("");
}
