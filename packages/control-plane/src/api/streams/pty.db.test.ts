import type { PtyServerMessage } from "@wrenn/protocol/rest/streams";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ENGINES } from "../../testing/postgres.ts";
import type { StreamClient } from "../../testing/stream-client.ts";
import { StreamLab } from "../../testing/stream-lab.ts";
import { until } from "../../testing/until.ts";

type Client = StreamClient<PtyServerMessage>;

const input = (text: string) => ({ type: "input", data: Buffer.from(text).toString("base64") });

describe.each(ENGINES)("terminals on PostgreSQL $name", (engine) => {
  let lab: StreamLab<PtyServerMessage>;

  beforeAll(async () => {
    lab = await StreamLab.start(engine);
  }, 60_000);
  afterAll(() => lab[Symbol.asyncDispose]());
  afterEach(() => lab.clear());

  const processes = () => lab.processes();
  const shown = (client: Client) => client.text("output", "base64");
  const toShow = (client: Client, text: string | RegExp) =>
    until(() => (typeof text === "string" ? shown(client).includes(text) : text.test(shown(client))));

  async function open(first: object): Promise<Client> {
    const client = lab.open("/pty");
    await client.send(first);
    return client;
  }
  /** A terminal without a shell's editing of the line, so that every byte is known. */
  const script = (text: string, rest: object = {}) => open({ type: "start", cmd: "sh", args: ["-c", text], ...rest });

  it("is a shell when nothing is said, of 80 by 24, with a tag of its own", async () => {
    const client = await open({ type: "start" });
    expect(await client.next("started")).toEqual({
      type: "started",
      tag: expect.stringMatching(/^pty-[0-9a-f]{8}$/),
      pid: expect.any(Number),
    });
    await client.send(input("stty size; echo $TERM; echo $0\r"));
    await toShow(client, /24 80\r\nxterm-256color\r\n\S*bash\r\n/);
    await client.send(input("exit 0\r"));
    expect(await client.end()).toBe(1000);
    expect(client.messages.at(-1)).toEqual({ type: "exit", exit_code: 0 });
  });

  it("has the size, variables, folder, user and tag that it is given", async () => {
    const client = await script('stty size; echo "$A $TERM $(pwd) $(id -un)"', {
      ...{ cols: 100, rows: 30, envs: { A: "a b", TERM: "dumb" }, cwd: "/tmp", user: "root", tag: "mine" },
    });
    expect(await client.end()).toBe(1000);
    expect(client.messages.at(0)).toMatchObject({ type: "started", tag: "mine" });
    expect(shown(client)).toBe("30 100\r\na b dumb /tmp root\r\n");
  });

  it("takes input byte for byte, in order, and drops nothing of it", async () => {
    const client = await script("stty raw -echo; echo ready; head -c 200000 | sha256sum");
    await toShow(client, "ready");
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, n) => (n * 7) % 256));
    for (let at = 0; at < bytes.length; at += 100) {
      client.socket.send(JSON.stringify({ type: "input", data: bytes.subarray(at, at + 100).toString("base64") }));
    }
    await client.end();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    expect(shown(client)).toContain(Buffer.from(digest).toString("hex"));
  });

  it("is resized, the last size wins, and none of 0", async () => {
    const client = await script("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done");
    await toShow(client, "ready");
    for (let cols = 1; cols <= 50; cols++) await client.send({ type: "resize", cols, rows: 10 });
    await client.send({ type: "resize", cols: 0, rows: 0 }, { type: "resize", cols: 0, rows: 5 });
    await toShow(client, "10 50\r\n");
    await client.send({ type: "pong" }, { type: "resize", cols: 90, rows: 20 });
    await toShow(client, "20 90\r\n");
    expect(shown(client)).not.toMatch(/\b0 0\b|^5 /m);
  });

  it("is killed, and gets signals", async () => {
    const killed = await script("sleep 1000");
    await killed.next("started");
    await killed.send({ type: "kill" });
    expect(await killed.end()).toBe(1000);
    expect(killed.messages.at(-1)).toEqual({ type: "exit", exit_code: -1, signal: 9 });
    const signalled = await script("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    await toShow(signalled, "ready");
    await signalled.send({ type: "signal", signal: 15 });
    expect(await signalled.next("exit")).toEqual({ type: "exit", exit_code: 3 });
  });

  it("lives on without its client, and shows what it missed to who comes back", async () => {
    const first = await script("echo one; read line; echo two; read line; echo three", { tag: "back" });
    await toShow(first, "one\r\n");
    const { pid } = await first.next("started");
    const seen = first.messages.reduce((most, message) => (message.type === "output" ? (message.seq ?? 0) : most), 0);
    expect(seen).toBe(5);
    first.close();
    await first.end();

    const second = await open({ type: "connect", tag: "back", from_seq: seen });
    expect(await second.next("started")).toEqual({ type: "started", tag: "back", pid });
    await second.send(input("\r"));
    await toShow(second, "two\r\n");
    const third = await open({ type: "connect", tag: "back", from_seq: 0 });
    await toShow(third, /^one\r\n(\r\n)?two\r\n/);
    const live = await open({ type: "connect", tag: "back" });
    await live.next("started");
    await third.send(input("\r"));
    for (const client of [second, third, live]) {
      expect(await client.end()).toBe(1000);
      expect(shown(client)).toMatch(/three\r\n$/);
      expect(client.messages.at(-1)).toEqual({ type: "exit", exit_code: 0 });
    }
    expect(shown(second)).not.toContain("one");
    expect(shown(live)).not.toContain("two");
  });

  it("keeps what a client typed before it left", async () => {
    const first = await script('stty -echo; echo ready; read line; echo "got $line"; read more', { tag: "typed" });
    await toShow(first, "ready");
    first.socket.send(JSON.stringify(input("hello\r")));
    first.close();
    const second = await open({ type: "connect", tag: "typed", from_seq: 0 });
    await toShow(second, "got hello");
  });

  it.each([
    [{ type: "connect", tag: "no-such-tag" }, "not_found"],
    [{ type: "connect" }, "invalid_request"],
    [{ type: "start", cols: -1 }, "invalid_request"],
    [{ type: "start", cmd: "/nowhere/at-all" }, "not_found"],
    [{ type: "input", data: "" }, "invalid_request"],
  ])("answers %j with %s and closes", async (first, code) => {
    const client = await open(first);
    expect(await client.end()).toBe(1000);
    expect(client.messages).toEqual([expect.objectContaining({ type: "error", code, fatal: true })]);
  });

  it("shows every 30 seconds that it lives", async () => {
    vi.useFakeTimers({ toFake: ["setInterval"] });
    try {
      const client = await script("echo ready; sleep 1000");
      await toShow(client, "ready");
      expect(client.messages.filter(({ type }) => type === "ping")).toEqual([]);
      vi.advanceTimersByTime(30_000);
      await client.next("ping");
      await client.send({ type: "pong" });
      vi.advanceTimersByTime(60_000);
      await until(() => client.messages.filter(({ type }) => type === "ping").length === 3);
      await client.send({ type: "kill" });
      await client.end();
    } finally {
      vi.useRealTimers();
    }
  });

  it("ends the stream of a client that says what cannot be, not the terminal", async () => {
    const client = await script("echo ready; sleep 1000");
    await toShow(client, "ready");
    await client.send({ type: "input", data: "not base64!" });
    expect(await client.end()).toBe(1000);
    expect(client.messages.at(-1)).toMatchObject({ type: "error", code: "invalid_request", fatal: true });
    expect(await processes()).toEqual([expect.objectContaining({ pty: true })]);
  });
});
