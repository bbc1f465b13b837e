import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { begin, type Chunk, collect, run } from "../testing/run.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const SIZE = { cols: 100, rows: 30 };
const mine = { selector: { case: "tag", value: "mine" } } as const;

function inTerminal(script: string, size = SIZE) {
  return { process: { cmd: "/bin/sh", args: ["-c", script] }, pty: { size }, tag: "mine" };
}

/** What the terminal shows in the end: its line ends as plain ones. */
async function shown(script: string): Promise<string> {
  const { pty, stdout, stderr } = await run(fixture.client(), inTerminal(script));
  expect([stdout.length, stderr.length]).toEqual([0, 0]);
  return pty.toString().replaceAll("\r\n", "\n");
}

async function codeOf(call: Promise<unknown>): Promise<Code | undefined> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error === undefined ? undefined : ConnectError.from(error).code;
}

/** A terminal that somebody looks at. */
class Viewer {
  text = "";
  readonly chunks: Chunk[] = [];
  readonly result: ReturnType<typeof collect>;

  constructor(events: Parameters<typeof collect>[0]) {
    this.result = collect(events, (chunk) => {
      this.chunks.push(chunk);
      this.text += Buffer.from(chunk.bytes).toString();
    });
    this.result.catch(() => {});
  }

  sees(text: string): Promise<unknown> {
    return vi.waitUntil(() => this.text.includes(text), { timeout: 5000 });
  }
}

async function open(script: string, format: "binary" | "json" = "binary") {
  const client = fixture.client(format);
  const { pid, rest } = await begin(client.start(inTerminal(script)));
  const type = (text: string | Uint8Array) =>
    client.sendInput({ process: mine, input: { input: { case: "pty", value: Buffer.from(text) } } });
  return { client, pid, type, viewer: new Viewer(rest) };
}

describe("a terminal", () => {
  it("is the controlling one of its session, on all three descriptors, with size and type", async () => {
    const script =
      "tty; tty <&1; tty <&2; tty </dev/tty; stty size; echo $TERM; ps -o tpgid= -p $$ | tr -d ' '; echo $$";
    const [first, second, third, controlling, size, type, foreground, pid] = (await shown(script)).split("\n");
    expect(first).toMatch(/^\/dev\/pts\/\d+$/);
    expect([second, third]).toEqual([first, first]);
    expect(controlling).toBe("/dev/tty");
    expect([size, type, foreground]).toEqual(["30 100", "xterm-256color", pid]);
  });

  it("has 80 columns and 24 rows when nobody says, and the type that the request says", async () => {
    const { pty } = await run(fixture.client(), {
      process: { cmd: "/bin/sh", args: ["-c", "stty size; echo $TERM"], envs: { TERM: "vt100" } },
      pty: {},
    });
    expect(pty.toString()).toBe("24 80\r\nvt100\r\n");
  });

  it("gives all of the output of a program that ends at once, in chunks of at most 16 KiB", async () => {
    const { pty, largestChunk, end } = await run(fixture.client(), inTerminal("seq 1 200000; exit 3"));
    const lines = pty.toString().split("\r\n");
    expect(lines.findIndex((line, index) => line !== String(index + 1))).toBe(200_000);
    expect(largestChunk).toBeLessThanOrEqual(16 * 1024);
    expect(end).toMatchObject({ exitCode: 3, exited: true });
  });

  it("never splits a character", async () => {
    const text = "a é € 🐦 ";
    const { chunks, pty } = await run(
      fixture.client(),
      inTerminal(
        `i=0; while [ $i -lt 3000 ]; do printf '${text}'; printf '\\342'; printf '\\202\\254'; i=$((i+1)); done`,
      ),
    );
    expect(pty.toString()).toBe(`${text}€`.repeat(3000));
    for (const { bytes } of chunks) expect(Buffer.from(bytes).toString()).not.toContain("\ufffd");
  });

  it("passes on what is not UTF-8", async () => {
    const { pty } = await run(fixture.client(), inTerminal("printf 'a\\377\\342'"));
    expect(pty).toEqual(Buffer.from([0x61, 0xff, 0xe2]));
  });

  it("that nobody has open any more has ended, though a program in it lives on", async () => {
    const { end, pty } = await run(
      fixture.client(),
      inTerminal("trap '' HUP; sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"),
    );
    expect(end.exitCode).toBe(0);
    process.kill(Number(pty.toString()), "SIGKILL");
  });

  it("ends with its program, though another one still writes to it", async () => {
    const { end } = await run(
      fixture.client(),
      inTerminal("trap '' HUP; (while echo x; do sleep 0.1; done) & echo $! >$HOME/pid; exit 5"),
    );
    expect(end.exitCode).toBe(5);
    const writer = Number(readFileSync(`${fixture.root}/pid`, "utf8"));
    // Its next write fails, as in any terminal that was closed.
    await vi.waitUntil(() => !isAlive(writer), { timeout: 4000 });
  });
});

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

describe.each(["binary", "json"] as const)("typing in %s", (format) => {
  it("reaches the program, echoed and in order", async () => {
    const { type, viewer } = await open('read a; read b; echo "<$b$a>"', format);
    await type("one\r");
    await type("zwölf\r");
    expect((await viewer.result).pty.toString()).toBe("one\r\nzwölf\r\n<zwölfone>\r\n");
  });
});

describe("typing", () => {
  it("erases whole characters", async () => {
    const { type, viewer } = await open('read a; printf "%s" "$a" | od -An -tx1');
    await type("aö\x7fb\r");
    expect((await viewer.result).pty.toString()).toContain(" 61 62\r\n");
  });

  it("Ctrl-C interrupts the program, Ctrl-D ends its input", async () => {
    const { type, viewer } = await open("trap 'echo caught' INT; echo ready; cat; cat; echo done");
    await viewer.sees("ready");
    await type("\x03");
    await viewer.sees("caught");
    await type("\x04");
    await viewer.sees("done");
    expect((await viewer.result).end.exitCode).toBe(0);
  });

  it("more than the program reads waits, and nothing is dropped", async () => {
    const { type, viewer } = await open("stty raw -echo; echo ready; sleep 0.5; head -c 1000000 | md5sum");
    await viewer.sees("ready");
    const typed = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => 32 + (index % 90)));
    for (let at = 0; at < typed.length; at += 100_000) await type(typed.subarray(at, at + 100_000));
    expect((await viewer.result).pty.toString()).toContain(createHash("md5").update(typed).digest("hex"));
  });
});

describe("resizing", () => {
  it("tells the program", async () => {
    const { client, viewer } = await open("trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done");
    await viewer.sees("ready");
    await client.update({ process: mine, pty: { size: { cols: 132, rows: 43 } } });
    expect((await viewer.result).pty.toString()).toBe("ready\r\n43 132\r\n");
  });

  it("is refused without a terminal, to nothing, and for a process there is not", async () => {
    const { client, viewer, pid } = await open("exec sleep 1000");
    const size = { cols: 10, rows: 10 };
    expect(await codeOf(client.update({ process: mine, pty: { size: { cols: 0, rows: 5 } } }))).toBe(
      Code.InvalidArgument,
    );
    expect(await codeOf(client.update({ process: mine, pty: { size: { cols: 5, rows: 65_536 } } }))).toBe(
      Code.InvalidArgument,
    );
    expect(await codeOf(client.update({ process: mine }))).toBeUndefined();
    const piped = await begin(client.start({ process: { cmd: "sleep", args: ["1000"] } }));
    const process = { selector: { case: "pid", value: piped.pid } } as const;
    expect(await codeOf(client.update({ process, pty: { size } }))).toBe(Code.FailedPrecondition);
    expect(await codeOf(client.closeStdin({ process: mine }))).toBe(Code.FailedPrecondition);
    const input = { input: { case: "stdin", value: Buffer.from("x") } } as const;
    expect(await codeOf(client.sendInput({ process: mine, input }))).toBe(Code.FailedPrecondition);
    expect((await client.list({})).processes).toMatchObject([{ pid, pty: true, tag: "mine" }, { pty: false }]);
    await client.sendSignal({ process: mine, signal: 9 });
    expect((await viewer.result).end.status).toBe("signal: killed");
    expect(await codeOf(client.update({ process: mine, pty: { size } }))).toBe(Code.NotFound);
  });
});

describe("several viewers", () => {
  it("see the same, and one that comes back sees what it missed", async () => {
    const controller = new AbortController();
    const client = fixture.client();
    const first = await begin(
      client.start(inTerminal('while read line; do echo "<$line>"; done'), { signal: controller.signal }),
    );
    const left = new Viewer(first.rest);
    const type = (text: string) =>
      client.sendInput({ process: mine, input: { input: { case: "pty", value: Buffer.from(text) } } });
    await type("one\r");
    await left.sees("<one>\r\n");
    const seq = left.chunks.at(-1)?.seq ?? 0;
    controller.abort();
    await left.result.catch(() => {});
    await type("two\r");
    const back = new Viewer(client.connect({ process: mine, fromSeq: BigInt(seq) }));
    const fresh = new Viewer(client.connect({ process: mine, fromSeq: 0n }));
    await Promise.all([back.sees("<two>\r\n"), fresh.sees("<two>\r\n")]);
    await type("three\r");
    await type("\x04");
    await Promise.all([back.result, fresh.result]);
    const all = ["one", "two", "three"].map((word) => `${word}\r\n<${word}>\r\n`);
    expect(back.text).toBe(`${all[1]}${all[2]}`);
    expect(fresh.text).toBe(all.join(""));
  });
});
