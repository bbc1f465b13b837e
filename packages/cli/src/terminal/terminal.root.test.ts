import { tryCommand } from "@wrenn/runtime/command";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { FakeCapsule } from "../testing/fake-capsule.ts";
import { MAIN, Terminal } from "../testing/terminal.ts";

const STARTED = { type: "started", tag: "mine", pid: 1 };
const EXIT = { type: "exit", exit_code: 0 };
const PROMPT = /[$#] $/;
const CTRL_C = "\u0003";
const DETACH = "\u0010\u0011";

let capsule: FakeCapsule;
beforeEach(async () => {
  capsule = await FakeCapsule.start();
});
afterEach(() => capsule[Symbol.asyncDispose]());

const shows = (terminal: Terminal) => expect.poll(() => terminal.shown, { timeout: 20_000 });
const messages = (type: string) => capsule.messages.filter((message) => message.type === type);

describe("wrenn shell", () => {
  it("opens a shell that knows the terminal, and ends with its exit code", async () => {
    using terminal = new Terminal(["shell", "cl-a"]);
    await shows(terminal).toMatch(PROMPT);
    expect(messages("start")[0]).toMatchObject({ cmd: "/bin/sh", cols: 100, rows: 30, envs: { TERM: "xterm" } });
    terminal.type("echo $((6 * 7)) ü; tty\r");
    await shows(terminal).toMatch(/42 ü\r\n\/dev\/pts\/\d+\r\n/);
    terminal.type("exit 3\r");
    expect(await terminal.end()).toEqual({ code: 3, restored: true });
  });

  it("follows the window and passes on Ctrl-C", async () => {
    using terminal = new Terminal(["shell", "cl-a"]);
    await shows(terminal).toMatch(PROMPT);
    terminal.resize(66, 22);
    await expect.poll(() => messages("resize").at(-1)).toEqual({ type: "resize", cols: 66, rows: 22 });
    terminal.type("sleep 60\r");
    await shows(terminal).toMatch(/sleep 60\r\n/);
    terminal.type(CTRL_C);
    terminal.type("echo code=$?; exit\r");
    await shows(terminal).toContain("code=130\r\n");
    expect((await terminal.end()).restored).toBe(true);
  });
});

describe("leaving", () => {
  it("by Ctrl-P Ctrl-Q keeps the process, and attach comes back to it", async () => {
    using terminal = new Terminal(["exec", "-it", "--tag", "mine", "cl-a", "sh"]);
    await shows(terminal).toMatch(PROMPT);
    terminal.type("A=kept; echo before\r");
    await shows(terminal).toContain("\r\nbefore\r\n");
    terminal.type(DETACH);
    expect(await terminal.end()).toEqual({ code: 0, restored: true });
    expect(terminal.shown).toContain("wrenn attach cl-a mine");
    expect(capsule.processes[0]?.running).toBe(true);

    using again = new Terminal(["attach", "cl-a", "mine"]);
    await shows(again).toContain("\r\nbefore\r\n");
    again.type("echo $A; exit 9\r");
    expect(await again.end()).toEqual({ code: 9, restored: true });
    expect(again.shown).toContain("\r\nkept\r\n");
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("by %s restores the terminal", async (signal, code) => {
    using terminal = new Terminal(["exec", "-it", "cl-a", "sh"]);
    await shows(terminal).toMatch(PROMPT);
    terminal.signal(signal);
    expect(await terminal.end()).toEqual({ code, restored: true });
    expect(capsule.processes[0]?.running).toBe(true);
  });

  it("in the middle of a program puts the screen back", async () => {
    using terminal = new Terminal([
      "exec",
      "-it",
      "cl-a",
      "sh",
      "-c",
      "printf '\\033[?1049h\\033[?25l[full screen]'; sleep 60",
    ]);
    await shows(terminal).toContain("[full screen]");
    terminal.type(DETACH);
    expect(await terminal.end()).toEqual({ code: 0, restored: true });
    expect(terminal.shown.split("[full screen]")[1]).toContain("\u001b[?25h\u001b[?1049l");
  });

  it("by an error of the server restores the terminal", async () => {
    const failure = { type: "error", data: "the capsule was destroyed", code: "not_found", fatal: true };
    capsule.serves = { pty: sending(STARTED, output("prompt", 6), failure) };
    using terminal = new Terminal(["exec", "-it", "cl-a", "sh"]);
    expect(await terminal.end()).toEqual({ code: 125, restored: true });
    expect(terminal.shown).toContain("the capsule was destroyed");
  });
});

it("shows output as it is", async () => {
  capsule.serves = { pty: sending(STARTED, output("a\nb\r\nc", 6), EXIT) };
  using terminal = new Terminal(["exec", "-it", "cl-a", "sh"]);
  expect(await terminal.end()).toEqual({ code: 0, restored: true });
  expect(terminal.shown).toBe("a\nb\r\nc");
});

describe("a connection that breaks", () => {
  it("is made again without losing or repeating output, and keys wait for it", async () => {
    let opened = 0;
    let goOn = () => {};
    capsule.serves = {
      pty: (socket) => {
        opened += 1;
        if (opened === 1) sending(STARTED, output("ab", 2))(socket);
        else goOn = () => sending(STARTED, output("bcd", 4), EXIT)(socket);
      },
    };
    using terminal = new Terminal(["exec", "-it", "--tag", "mine", "cl-a", "sh"]);
    await shows(terminal).toBe("ab");
    capsule.dropStreams();
    terminal.type("typed");
    await expect
      .poll(() => messages("input").map(({ data }) => Buffer.from(String(data), "base64").toString()))
      .toEqual(["typed"]);
    expect(messages("connect")).toEqual([{ type: "connect", tag: "mine", from_seq: 2 }]);
    goOn();
    expect(await terminal.end()).toEqual({ code: 0, restored: true });
    expect(terminal.shown).toBe("abcd");
  });

  it("asks for the screen anew when output was lost", async () => {
    capsule.serves = { pty: sending(STARTED, output("a", 1), { type: "gap", lost_bytes: 5 }, output("b", 7)) };
    using terminal = new Terminal(["exec", "-it", "cl-a", "sh"]);
    const sizes = () => messages("resize").map(({ rows }) => rows);
    await expect.poll(sizes, { timeout: 20_000 }).toEqual([30, 31, 30]);
    terminal.type(DETACH);
    expect(await terminal.end()).toMatchObject({ code: 0 });
  });
});

describe("wrenn exec without a terminal of its own", () => {
  it("passes Ctrl-C on to the command and ends with its code", async () => {
    using terminal = new Terminal([
      "exec",
      "cl-a",
      "sh",
      "-c",
      "trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.1; done",
    ]);
    await shows(terminal).toContain("ready");
    terminal.type(CTRL_C);
    expect(await terminal.end()).toEqual({ code: 4, restored: true });
    expect(terminal.shown).toContain("interrupted");
  });

  it("leaves the command running at the second Ctrl-C", async () => {
    using terminal = new Terminal([
      "exec",
      "cl-a",
      "sh",
      "-c",
      "trap 'echo no' INT; echo ready; while :; do sleep 1; done",
    ]);
    await shows(terminal).toContain("ready");
    terminal.type(CTRL_C);
    await shows(terminal).toContain("no");
    terminal.type(CTRL_C);
    expect(await terminal.end()).toEqual({ code: 130, restored: true });
    expect(terminal.shown).toContain("left running");
    expect(capsule.processes[0]?.running).toBe(true);
  });

  it("ends the command whose output nobody reads any more", async () => {
    const script = '"$0" "$1" exec cl-a yes | head -n 1';
    const piped = await tryCommand("sh", ["-c", script, process.execPath, MAIN]);
    expect(piped).toEqual({ code: 0, stdout: "y\n", stderr: "" });
    await expect.poll(() => capsule.processes[0]?.running).toBe(false);
    expect(capsule.processes[0]?.child.signalCode).toBe("SIGPIPE");
  });
});

function output(text: string, seq: number): object {
  return { type: "output", data: Buffer.from(text).toString("base64"), seq };
}

function sending(...list: object[]): (socket: WebSocket) => void {
  return (socket) => list.forEach((message) => socket.send(JSON.stringify(message)));
}
