/** What programs do in a capsule, seen from outside: processes, terminals, files, ports, on a real VM. */
import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { ApiClient } from "@wrenn/cli/api/client";
import type {
  ProcessClientMessage,
  ProcessServerMessage,
  PtyClientMessage,
  PtyFirstMessage,
  PtyServerMessage,
} from "@wrenn/protocol/rest/streams";
import { waitFor } from "@wrenn/runtime/wait";
import headless from "@xterm/headless";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sh, shared } from "./shared.ts";

let api: ApiClient;
let id: string;
beforeAll(async () => {
  api = await shared.api();
  ({ id } = await api.create({}));
});
afterAll(() => api.destroy(id));

const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("a command as a stream", () => {
  /** All bytes of its outputs, and how it ended. */
  async function run(script: string, stdin?: Buffer) {
    using socket = await api.socket<ProcessServerMessage, ProcessClientMessage | object>(id, ["exec", "stream"]);
    await socket.send({
      type: "start",
      cmd: "/bin/sh",
      args: ["-c", script],
      encoding: "base64",
      stdin: stdin !== undefined,
    });
    const out = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    for await (const message of socket) {
      if (message.type === "start" && stdin !== undefined) {
        for (let at = 0; at < stdin.length; at += 32_768)
          await socket.send({ type: "stdin", data: stdin.subarray(at, at + 32_768).toString("base64") });
        await socket.send({ type: "close_stdin" });
      }
      if (message.type === "stdout" || message.type === "stderr")
        out[message.type].push(Buffer.from(message.data, "base64"));
      if (message.type === "error" || message.type === "gap") throw new Error(JSON.stringify(message));
      if (message.type === "exit")
        return { stdout: Buffer.concat(out.stdout), stderr: Buffer.concat(out.stderr), exit: message };
    }
    throw new Error("the stream ended before the command");
  }

  it("has every byte, in order, however much it is", async () => {
    const { stdout, stderr } = await run("head -c 8000000 /dev/urandom | tee /dev/shm/out; echo done >&2");
    expect(stdout.length).toBe(8_000_000);
    expect(sha(stdout)).toBe((await sh(api, id, "sha256sum < /dev/shm/out")).split(" ")[0]);
    expect(stderr.toString()).toBe("done\n");
  });

  it("takes input of any size", async () => {
    const input = randomBytes(1_000_000);
    const { stdout, exit } = await run("sha256sum; exit 3", input);
    expect(stdout.toString().split(" ")[0]).toBe(sha(input));
    expect(exit.exit_code).toBe(3);
  });

  it("always has the output of one that ends at once", async () => {
    for (let round = 0; round < 30; round++) {
      const { stdout, exit } = await run(`echo ${round}`);
      expect([stdout.toString(), exit.exit_code]).toEqual([`${round}\n`, 0]);
    }
  });

  it("outlives its client, and is found again with what it has said meanwhile", async () => {
    const { pid } = await api.start(id, {
      cmd: "/bin/sh",
      args: ["-c", "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.3; done; sleep 600"],
      tag: "later",
    });
    expect(await api.processes(id)).toMatchObject([{ pid, tag: "later" }]);
    let text = "";
    using socket = await api.socket<ProcessServerMessage, ProcessClientMessage>(id, ["processes", "later", "stream"], {
      from_seq: 0,
    });
    for await (const message of socket) {
      if (message.type === "stdout") text += message.data;
      if (text.includes("line 6")) break;
    }
    expect(text).toBe([1, 2, 3, 4, 5, 6].map((i) => `line ${i}\n`).join(""));
    await api.kill(id, "later");
    expect(await waitFor(async () => (await api.processes(id)).length === 0, { timeoutMs: 5000 })).toBe(true);
  });
});

describe("a shell", () => {
  it("finds its descriptors by name", async () => {
    expect(await sh(api, id, "bash -c 'cat <(echo x)'")).toBe("x");
    expect(await sh(api, id, "echo y | cat /dev/stdin > /dev/stdout")).toBe("y");
    const { exit_code: code, stderr } = await api.exec(id, { cmd: "/bin/sh", args: ["-c", "echo z > /dev/stderr"] });
    expect([code, stderr]).toEqual([0, "z\n"]);
  });

  it("may open as many files as elsewhere, and more when it asks for it", async () => {
    expect(await sh(api, id, "ulimit -Sn; ulimit -Hn")).toBe("1024\n65536");
  });
});

describe("a terminal", () => {
  /** A viewer with a screen. */
  async function view(first: PtyFirstMessage, cols = 80, rows = 24) {
    const socket = await api.socket<PtyServerMessage, PtyClientMessage | PtyFirstMessage>(id, ["pty"]);
    await socket.send(first);
    const screen = new headless.Terminal({ cols, rows, allowProposedApi: true });
    let tag = "";
    const done = (async () => {
      for await (const message of socket) {
        if (message.type === "started") ({ tag } = message);
        if (message.type === "output")
          await new Promise<void>((resolve) => screen.write(Buffer.from(message.data, "base64"), resolve));
        if (message.type === "exit") return message.exit_code;
      }
      return undefined;
    })();
    return {
      done,
      tag: () => tag,
      type: (text: string) => socket.send({ type: "input", data: Buffer.from(text).toString("base64") }),
      resize(toCols: number, toRows: number) {
        screen.resize(toCols, toRows);
        return socket.send({ type: "resize", cols: toCols, rows: toRows });
      },
      leave: () => socket[Symbol.dispose](),
      text: () => lines(screen).join("\n"),
      shows: async (pattern: RegExp) => {
        const seen = await waitFor(() => pattern.test(lines(screen).join("\n")), { timeoutMs: 60_000, intervalMs: 50 });
        if (seen === undefined) throw new Error(`${pattern} is not on the screen:\n${lines(screen).join("\n")}`);
      },
    };
  }

  function lines(screen: InstanceType<typeof headless.Terminal>): string[] {
    const { active } = screen.buffer;
    return Array.from(
      { length: screen.rows },
      (_, y) => active.getLine(active.baseY + y)?.translateToString(true) ?? "",
    );
  }

  it("runs an editor", async () => {
    const terminal = await view({
      type: "start",
      cmd: "/usr/bin/vim.tiny",
      args: ["-u", "NONE", "/root/poem"],
      envs: { LANG: "C.UTF-8" },
    });
    await terminal.shows(/poem" \[New/);
    await terminal.type("iroses are röd\rviolets are 蓝\u001b");
    await terminal.shows(/^roses are röd\nviolets are 蓝\n~/);
    await terminal.type(":wq\r");
    expect(await terminal.done).toBe(0);
    expect(await sh(api, id, "cat /root/poem")).toBe("roses are röd\nviolets are 蓝");
  });

  it.each([
    ["top", /load average:.*\n.*Tasks:/],
    ["htop", /Tasks:.*\n|PID .*USER/],
  ])("shows %s, at any size, to whoever comes back", async (program, pattern) => {
    const first = await view({ type: "start", cmd: `/usr/bin/${program}`, envs: { TERM: "xterm-256color" } });
    await first.shows(pattern);
    await first.shows(/PID +USER/);
    await first.resize(120, 40);
    await first.shows(/COMMAND|Command/);
    const tag = first.tag();
    first.leave();
    const again = await view({ type: "connect", tag, from_seq: 0 }, 120, 40);
    await again.shows(/PID +USER/);
    await again.type("q");
    expect(await again.done).toBe(0);
  });

  it("loses no key", async () => {
    const terminal = await view({
      type: "start",
      cmd: "/bin/sh",
      args: ["-c", "stty raw -echo; echo ready; head -c 20000 | sha256sum"],
    });
    await terminal.shows(/ready/);
    const keys = randomBytes(10_000).toString("hex");
    for (let at = 0; at < keys.length; at += 100) await terminal.type(keys.slice(at, at + 100));
    await terminal.done;
    expect(terminal.text()).toContain(sha(Buffer.from(keys)).slice(0, 40));
  });

  it("lives on through a pause", async () => {
    const terminal = await view({ type: "start", cmd: "/bin/sh", envs: { PS1: "> " } });
    await terminal.shows(/^> /);
    await terminal.type("x=kept\r");
    await terminal.shows(/> x=kept\n> /);
    const tag = terminal.tag();
    await api.pause(id);
    expect(await terminal.done).toBeUndefined();
    await api.resume(id);
    const again = await view({ type: "connect", tag, from_seq: 0 });
    await again.type("echo still $x\r");
    await again.shows(/\nstill kept\n/);
    await again.type("exit\r");
    expect(await again.done).toBe(0);
  });
});

describe("files", () => {
  it("come and go unchanged, as a stream", async () => {
    const content = randomBytes(24_000_000);
    await api.upload(id, "/root/deep/er/file name ü", Readable.from([content]), content.length);
    expect(await sh(api, id, "sha256sum < '/root/deep/er/file name ü'")).toContain(sha(content));
    const { content: stream, size } = await api.download(id, "/root/deep/er/file name ü");
    expect(size).toBe(content.length);
    expect(sha(await buffer(stream))).toBe(sha(content));
  });

  it("that are missing, or a folder, are so by their error", async () => {
    await expect(api.download(id, "/root/nothing")).rejects.toMatchObject({ code: "not_found" });
    await expect(api.download(id, "/root")).rejects.toMatchObject({ code: "invalid_request" });
    await expect(api.stat(id, "/root/nothing")).rejects.toMatchObject({ code: "not_found" });
  });

  it("of the kernel and of no end harm nobody", async () => {
    const { content } = await api.download(id, "/proc/cpuinfo");
    expect((await buffer(content)).toString()).toContain("processor");
    await sh(api, id, "mkfifo /root/pipe");
    await expect(api.download(id, "/root/pipe")).rejects.toMatchObject({ code: "invalid_request" });
    await expect(api.download(id, "/dev/zero")).rejects.toMatchObject({ code: "invalid_request" });
  });
});

describe("ports", () => {
  it("that listen on the capsule's loopback only are found and reached", async () => {
    await api.start(id, {
      cmd: "python3",
      args: ["-m", "http.server", "--bind", "127.0.0.1", "8080"],
      cwd: "/etc",
      tag: "web",
    });
    const port = await waitFor(async () => (await api.ports(id)).find((found) => found.port === 8080), {
      timeoutMs: 30_000,
    });
    expect(port).toMatchObject({ port: 8080, address: "127.0.0.1" });
    const { host_ip: host } = await api.get(id);
    expect((await get(`http://${host}:8080/hostname`)).text.trim()).toBe("capsule");
    await api.kill(id, "web");
  });
});

describe("the guest agent", () => {
  it("comes before all programs, also those of root", async () => {
    const niceOf = (pid: string) => sh(api, id, `ps -o ni= -p ${pid}`);
    expect((await niceOf("$(pgrep -o -f agent.mjs)")).trim()).toBe("-20");
    expect((await niceOf("$$")).trim()).toBe("0");
  });

  it("answers nobody who has no token, and its control routes answer no capsule", async () => {
    const { host_ip: host } = await api.get(id);
    expect((await get(`http://${host}:49983/health`)).status).toBe(200);
    expect((await get(`http://${host}:49983/files?path=/etc/passwd`)).status).toBe(401);
    expect((await get(`http://${host}:49983/metrics`)).status).toBe(401);
    const inside = "curl -s -o /dev/null -w '%{http_code}' -X POST http://127.0.0.1:49983/init -d '{}'";
    expect(await sh(api, id, inside)).toMatch(/^40[13]$/);
  });
});

async function get(url: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    request(url, (answer) => {
      buffer(answer).then((body) => resolve({ status: answer.statusCode, text: body.toString() }), reject);
    })
      .once("error", reject)
      .end();
  });
}
