import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Signal, StartRequestSchema } from "@wrenn/protocol/gen/process_pb";
import { ON_CLOSE_HEADER } from "@wrenn/protocol/guest-http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { encodeMessage } from "../connect/envelope.ts";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { collect, run, shell } from "../testing/run.ts";
import { launch } from "./launch.ts";
import { RunningProcess } from "./running-process.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function output(script: string): Promise<string> {
  return (await run(fixture.client(), shell(script))).stdout.toString();
}

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

async function pids(): Promise<number[]> {
  return (await fixture.client().list({})).processes.map(({ pid }) => pid);
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

function linkTarget(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // the descriptor that listed the folder
    return "";
  }
}

/** How many pipe ends this process, which is the agent, has open. */
function openPipes(): number {
  const links = readdirSync("/proc/self/fd").map(linkTarget);
  return links.filter((link) => link.startsWith("pipe:")).length;
}

/** Waits until a file of the fixture has the content of a whole line, and returns it as a number. */
async function numberIn(name: string): Promise<number> {
  const path = join(fixture.root, name);
  await vi.waitUntil(() => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"));
  return Number(readFileSync(path, "utf8"));
}

describe("output", () => {
  it.each(["binary", "json"] as const)("arrives whole and separate, then the end, in %s", async (format) => {
    const result = await run(fixture.client(format), shell("printf 'a\\000\\377'; echo problem >&2; exit 3"));
    expect(result.stdout).toEqual(Buffer.from([0x61, 0, 0xff]));
    expect(result.stderr.toString()).toBe("problem\n");
    expect(result.end).toMatchObject({ exitCode: 3, exited: true, status: "exit status 3", error: "exit status 3" });
  });

  it("of 20 MB keeps every byte in order, in chunks of at most 32 KiB", async () => {
    const { stdout, largestChunk } = await run(fixture.client(), shell("seq 1 2700000"));
    const lines = stdout.toString().split("\n");
    expect(lines).toHaveLength(2_700_001);
    expect(lines.findIndex((line, index) => line !== String(index + 1))).toBe(2_700_000);
    expect(largestChunk).toBeLessThanOrEqual(32 * 1024);
  });

  it("of commands that end at once is never lost", async () => {
    const results = await Promise.all(Array.from({ length: 40 }, (_, index) => output(`echo ${index}`)));
    expect(results).toEqual(Array.from({ length: 40 }, (_, index) => `${index}\n`));
  });

  it("can be written through /dev/stdout and /dev/stderr", async () => {
    const { stdout, stderr } = await run(fixture.client(), shell("echo out >/dev/stdout; echo err >/dev/stderr"));
    expect(`${stdout}${stderr}`).toBe("out\nerr\n");
  });

  it("waits in the process while the client does not read", async () => {
    const command = shell("exec seq 1 5000000");
    const body = encodeMessage(toBinary(StartRequestSchema, create(StartRequestSchema, command)));
    const headers = { "content-type": "application/connect+proto" };
    const outgoing = request(`${fixture.url}/process.Process/Start`, { method: "POST", headers });
    const response = new Promise<NodeJS.ReadableStream>((resolve) => outgoing.once("response", resolve));
    outgoing.end(body);
    const stream = await response;
    const [pid] = await pids();
    const written = () => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
    let seen = 0;
    // It has stopped when nothing was added between two looks.
    await vi.waitUntil(() => written() > 0 && seen === (seen = written()), { interval: 100, timeout: 4000 });
    expect(seen).toBeLessThan(20_000_000);
    let received = 0;
    for await (const chunk of stream) received += chunk.length;
    expect(received).toBeGreaterThan(38_888_896);
  });
});

describe("the end", () => {
  it("names the signal that killed the process", async () => {
    const { end } = await run(fixture.client(), shell("kill -9 $$"));
    expect(end).toMatchObject({ exitCode: -1, exited: false, status: "signal: killed" });
  });

  it("is not held up by a silent descendant that keeps the output open", async () => {
    const { stdout, end } = await run(fixture.client(), shell("sleep 1000 & echo $!"));
    expect(end.exitCode).toBe(0);
    expect(isAlive(Number(stdout))).toBe(true);
    process.kill(Number(stdout), "SIGKILL");
  });

  it("is not held up for ever by a descendant that goes on writing, which lives on", async () => {
    const script = `(while :; do echo x; done) & echo $! >${fixture.root}/pid`;
    const launched = launch(fixture.agent, { cmd: "/bin/sh", args: ["-c", script], envs: {}, stdin: false });
    const running = new RunningProcess(launched, 600);
    const writer = await numberIn("pid");
    running.exited({ code: 4, signal: undefined });
    await vi.waitUntil(() => running.end !== undefined, 5000);
    expect(running.end?.exitCode).toBe(4);
    expect(isAlive(writer)).toBe(true);
    process.kill(writer, "SIGKILL");
  });

  it("comes after all that a descendant says without a pause", async () => {
    const script = "(i=0; while [ $i -lt 35 ]; do i=$((i+1)); echo $i; sleep 0.1; done) & exit 5";
    const { stdout, end } = await run(fixture.client(), shell(script));
    expect([stdout.toString().trim().split("\n").at(-1), end.exitCode]).toEqual(["35", 5]);
  }, 15_000);

  it("waits for what a descendant says right after the process", async () => {
    expect(await output("(sleep 0.05; echo late) & echo early")).toBe("early\nlate\n");
  });
});

describe("a process", () => {
  it("has the variables of machine, agent and request, the last one winning", async () => {
    fixture.agent.settings = { ...fixture.agent.settings, envVars: { A: "agent", B: "agent" } };
    const { stdout } = await run(fixture.client(), { process: { cmd: "env", envs: { B: "request" } } });
    const variables = stdout.toString().trimEnd().split("\n").toSorted();
    expect(variables).toEqual([
      "A=agent",
      "B=request",
      `HOME=${fixture.root}`,
      "LANG=C.UTF-8",
      "LOGNAME=root",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "SHELL=/bin/sh",
      "USER=root",
      "WRENN_SANDBOX=true",
      "WRENN_SANDBOX_ID=",
      "WRENN_TEMPLATE_ID=",
    ]);
  });

  it("starts in the home of its user, or where the request says", async () => {
    expect(await output("pwd")).toBe(`${fixture.root}\n`);
    const { stdout } = await run(fixture.client(), { process: { cmd: "pwd", cwd: "etc" } });
    expect(stdout.toString()).toBe(`${fixture.root}/etc\n`);
  });

  it("is found in the PATH of the request, and run by the shell when it has no #! line", async () => {
    mkdirSync(join(fixture.root, "bin"));
    writeFileSync(join(fixture.root, "bin/my-program"), 'echo "mine $1"', { mode: 0o755 });
    const { stdout } = await run(fixture.client(), {
      process: { cmd: "my-program", args: ["ü"], envs: { PATH: `/nowhere:${fixture.root}/bin:/bin` } },
    });
    expect(stdout.toString()).toBe("mine ü\n");
  });

  it("has an empty stdin when it is closed, and an open one by default", async () => {
    expect((await run(fixture.client(), { process: { cmd: "cat" }, stdin: false })).end.exitCode).toBe(0);
    const client = fixture.client();
    const events = client.start({ process: { cmd: "cat" } })[Symbol.asyncIterator]();
    const { value } = await events.next();
    const pid = value?.event?.event.value as { pid: number };
    expect(isAlive(pid.pid)).toBe(true);
    await client.sendSignal({ process: { selector: { case: "pid", value: pid.pid } }, signal: Signal.SIGKILL });
    expect((await events.next()).value?.event?.event.case).toBe("end");
  });

  it("ignores and blocks no signal", async () => {
    const status = await output("exec cat /proc/self/status");
    expect(status).toMatch(/SigBlk:\s0+\nSigIgn:\s0+\n/);
  });

  it("inherits nothing of what the agent has open", async () => {
    const before = await output("exec ls /proc/self/fd");
    const other = run(fixture.client(), { ...shell("sleep 1000"), stdin: true });
    await vi.waitUntil(async () => (await pids()).length === 1);
    expect(await output("exec ls /proc/self/fd")).toBe(before);
    process.kill(-((await pids())[0] ?? 0), "SIGKILL");
    await other;
  });

  it("leads a session and a process group of its own", async () => {
    const [pid, , , , group, session] = (await output("cat /proc/$$/stat")).split(" ");
    expect([group, session]).toEqual([pid, pid]);
  });
});

describe("a deadline", () => {
  it("kills the whole group, whether the client is still there or not", async () => {
    const script = `sleep 1000 & echo $! >${fixture.root}/pid; wait`;
    await refusal(collect(fixture.client().start(shell(script), { timeoutMs: 300 })));
    const descendant = await numberIn("pid");
    await vi.waitUntil(async () => (await pids()).length === 0);
    await vi.waitUntil(() => !isAlive(descendant));
  });

  it("is told with the end, to those who are still there", async () => {
    const within = (ms: number) => ({ headers: { "connect-timeout-ms": String(ms) } });
    const late = await collect(fixture.client().start(shell("sleep 1000"), within(300)));
    expect(late.end).toMatchObject({ signal: 9, timedOut: true });
    const early = await collect(fixture.client().start(shell("kill -9 $$"), within(60_000)));
    expect(early.end).toMatchObject({ signal: 9 });
    expect(early.end.timedOut).toBeUndefined();
  });

  it("ends what a process has left behind, and leaves the process its own end", async () => {
    const script = `while :; do echo y; sleep 0.05; done & echo $! >${fixture.root}/pid; exit 3`;
    const headers = { "connect-timeout-ms": "600" };
    const { end } = await collect(fixture.client().start(shell(script), { headers }));
    expect(end).toMatchObject({ exitCode: 3 });
    expect(end.timedOut).toBeUndefined();
    const descendant = await numberIn("pid");
    await vi.waitUntil(() => !isAlive(descendant));
  });

  it("that is none is refused", async () => {
    const headers = { "connect-timeout-ms": "soon" };
    const error = await refusal(collect(fixture.client().start(shell("true"), { headers })));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(await pids()).toEqual([]);
  });
});

describe("a request that cannot be done", () => {
  it.each([
    ["an empty command", { process: { cmd: "" } }, Code.InvalidArgument, "empty"],
    ["no process", {}, Code.InvalidArgument, "names no process"],
    ["a missing program", { process: { cmd: "no-such-program" } }, Code.NotFound, "no-such-program"],
    ["a missing path", { process: { cmd: "/no/such/program" } }, Code.NotFound, "/no/such/program"],
    ["a file that is no program", { process: { cmd: "/etc/passwd" } }, Code.PermissionDenied, "/etc/passwd"],
    ["a missing folder", { process: { cmd: "ls", cwd: "/missing" } }, Code.InvalidArgument, "/missing"],
    ["a folder that is none", { process: { cmd: "ls", cwd: "/etc/passwd" } }, Code.InvalidArgument, "/etc/passwd"],
    [
      "a folder behind a circle",
      { process: { cmd: "ls", cwd: "/proc/self/cwd/circle" } },
      Code.InvalidArgument,
      "circle",
    ],
    [
      "too many arguments",
      { process: { cmd: "true", args: Array.from({ length: 32_769 }, () => "x") } },
      Code.InvalidArgument,
      "32768",
    ],
    [
      "too many variables",
      { process: { cmd: "true", envs: Object.fromEntries(Array.from({ length: 4097 }, (_, n) => [`V${n}`, "x"])) } },
      Code.InvalidArgument,
      "4096",
    ],
    ["a long tag", { process: { cmd: "true" }, tag: "x".repeat(1025) }, Code.InvalidArgument, "1024"],
    ["an unknown user", { process: { cmd: "ls", user: "ghost" } }, Code.InvalidArgument, "ghost"],
    ["NUL in an argument", { process: { cmd: "ls", args: ["a\0b"] } }, Code.InvalidArgument, "NUL"],
    ["= in the name of a variable", { process: { cmd: "ls", envs: { "A=B": "" } } }, Code.InvalidArgument, "A=B"],
    ["too many arguments", { process: { cmd: "ls", args: ["x".repeat(200_000)] } }, Code.InvalidArgument, "larger"],
    [
      "a huge terminal",
      { process: { cmd: "ls" }, pty: { size: { cols: 70_000, rows: 1 } } },
      Code.InvalidArgument,
      "70000",
    ],
  ])("says so: %s", async (_what, body, code, text) => {
    const before = openPipes();
    const error = await refusal(run(fixture.client(), body));
    expect(error.code).toBe(code);
    expect(error.rawMessage).toContain(text);
    expect(await pids()).toEqual([]);
    expect(openPipes()).toBe(before);
  });
});

describe("List and SendSignal", () => {
  it("shows what runs, and no longer what has ended", async () => {
    const client = fixture.client();
    const running = run(client, { ...shell("sleep 1000"), tag: "mine" });
    await vi.waitUntil(async () => (await pids()).length === 1);
    const [listed] = (await client.list({})).processes;
    expect(listed).toMatchObject({ tag: "mine", config: { cmd: "/bin/sh", args: ["-c", "sleep 1000"] } });
    await client.sendSignal({ process: { selector: { case: "tag", value: "mine" } }, signal: Signal.SIGTERM });
    expect((await running).end.status).toBe("signal: terminated");
    expect(await pids()).toEqual([]);
  });

  it("reaches the whole group of the process", async () => {
    const client = fixture.client();
    const running = run(client, shell(`sleep 1000 & echo $! >${fixture.root}/pid; wait`));
    const descendant = await numberIn("pid");
    const [pid = 0] = await pids();
    await client.sendSignal({ process: { selector: { case: "pid", value: pid } }, signal: Signal.SIGKILL });
    await running;
    await vi.waitUntil(() => !isAlive(descendant));
  });

  it.each([
    [1, "signal: hangup"],
    [10, "signal: user defined signal 1"],
    [64, "signal: signal 64"],
  ])("takes any signal by its number: %i", async (signal, status) => {
    for (const format of ["binary", "json"] as const) {
      const client = fixture.client(format);
      const running = run(client, shell("exec sleep 1000"));
      await vi.waitUntil(async () => (await pids()).length === 1);
      const [pid = 0] = await pids();
      await client.sendSignal({ process: { selector: { case: "pid", value: pid } }, signal: signal as Signal });
      expect((await running).end).toMatchObject({ status, signal });
    }
  });

  it("refuses a signal it does not know and a process there is not", async () => {
    const client = fixture.client();
    const selector = { case: "pid", value: 1 } as const;
    const ghost = await refusal(client.sendSignal({ process: { selector }, signal: Signal.SIGKILL }));
    expect(ghost.code).toBe(Code.NotFound);
    for (const signal of [0, 65, -1]) {
      const error = await refusal(client.sendSignal({ process: { selector }, signal: signal as Signal }));
      expect(error.code).toBe(Code.InvalidArgument);
    }
    expect((await refusal(client.sendSignal({ signal: Signal.SIGTERM }))).code).toBe(Code.InvalidArgument);
  });
});

describe("a client that goes away", () => {
  it("leaves the process running, its output dropped", async () => {
    const controller = new AbortController();
    const script = `seq 1 500000; echo $$ >${fixture.root}/done; sleep 1000`;
    const events = fixture.client().start(shell(script), { signal: controller.signal })[Symbol.asyncIterator]();
    await events.next();
    controller.abort();
    const pid = await numberIn("done");
    expect(await pids()).toEqual([pid]);
    process.kill(-pid, "SIGKILL");
    await vi.waitUntil(async () => (await pids()).length === 0);
  });

  describe("and wanted it to end then", () => {
    const headers = { [ON_CLOSE_HEADER]: "kill" };
    const script = () => `sleep 1000 & echo $! >${fixture.root}/child; wait`;

    it("takes the process along, with its children", async () => {
      const controller = new AbortController();
      const events = fixture.client().start(shell(script()), { headers, signal: controller.signal });
      await events[Symbol.asyncIterator]().next();
      const child = await numberIn("child");
      controller.abort();
      await vi.waitUntil(async () => (await pids()).length === 0);
      await vi.waitUntil(() => !isAlive(child));
    });

    it("leaves alone what the process has left behind when it ended by itself", async () => {
      const background = `setsid -f sh -c 'exec >&- 2>&-; echo $$ >${fixture.root}/child; exec sleep 1000' </dev/null; sleep 0.2`;
      await collect(
        fixture
          .client()
          .start(shell(`(sleep 1000 >/dev/null 2>&1 & echo $! >${fixture.root}/same); ${background}`), { headers }),
      );
      for (const name of ["child", "same"]) {
        const pid = await numberIn(name);
        expect(isAlive(pid)).toBe(true);
        process.kill(pid, "SIGKILL");
      }
    });

    it("leaves it running when it was a restore that broke the connection", async () => {
      const controller = new AbortController();
      const events = fixture.client().start(shell(script()), { headers, signal: controller.signal });
      await events[Symbol.asyncIterator]().next();
      const child = await numberIn("child");
      const { settings } = fixture.agent;
      fixture.agent.settings = { ...settings, generation: settings.generation + 1 };
      controller.abort();
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(isAlive(child)).toBe(true);
      const [pid = 0] = await pids();
      process.kill(-pid, "SIGKILL");
      await vi.waitUntil(async () => (await pids()).length === 0);
    });
  });
});
