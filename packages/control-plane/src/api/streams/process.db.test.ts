import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ProcessServerMessage } from "@wrenn/protocol/rest/streams";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newApiKey } from "../../identity/api-keys.ts";
import type { TestPlatform } from "../../testing/platform.ts";
import { ENGINES } from "../../testing/postgres.ts";
import { Relay } from "../../testing/relay.ts";
import { StreamClient } from "../../testing/stream-client.ts";
import { StreamLab } from "../../testing/stream-lab.ts";
import { until } from "../../testing/until.ts";

type Client = StreamClient<ProcessServerMessage>;

describe.each(ENGINES)("streams of processes on PostgreSQL $name", (engine) => {
  let lab: StreamLab;
  let platform: TestPlatform;
  let id: string;
  let dir: string;

  beforeAll(async () => {
    lab = await StreamLab.start(engine);
    ({ platform, id, dir } = lab);
  }, 60_000);
  afterAll(() => lab[Symbol.asyncDispose]());
  afterEach(() => lab.clear());

  const open: StreamLab["open"] = (...args) => lab.open(...args);
  const shell: StreamLab["shell"] = (...args) => lab.shell(...args);
  const processes = () => lab.processes();

  describe("exec/stream", () => {
    it("tells start, output and exit in order, then closes with 1000", async () => {
      const client = await shell("echo out; echo err >&2; exit 7");
      expect(await client.end()).toBe(1000);
      const types = client.messages.map(({ type }) => type);
      expect([types.at(0), types.at(-1), types.toSorted()]).toEqual([
        "start",
        "exit",
        ["exit", "start", "stderr", "stdout"],
      ]);
      expect(client.messages.at(0)).toEqual({ type: "start", pid: expect.any(Number) });
      expect(client.messages.at(-1)).toEqual({ type: "exit", exit_code: 7 });
      expect([client.text("stdout"), client.text("stderr")]).toEqual(["out\n", "err\n"]);
    });

    it("tells an exit code of 0, and the signal that ended a command", async () => {
      const fine = await shell("exit 0");
      expect(await fine.next("exit")).toEqual({ type: "exit", exit_code: 0 });
      const killed = await shell("kill -9 $$");
      expect(await killed.next("exit")).toEqual({ type: "exit", exit_code: -1, signal: 9 });
    });

    it("kills a command whose time is over, and tells it", async () => {
      const client = await shell("echo ready; sleep 1000", { timeout_sec: 1 });
      expect(await client.next("exit")).toEqual({ type: "exit", exit_code: -1, signal: 9, timed_out: true });
      expect(client.text("stdout")).toBe("ready\n");
    });

    it("kills a command whose time is over also when its client has left", async () => {
      const client = await shell("echo ready; sleep 1000", { timeout_sec: 2 });
      await until(() => client.text("stdout") === "ready\n");
      client.close();
      await until(() => platform.host.guest.open === 0);
      expect(await processes()).toHaveLength(1);
      await until(async () => (await processes()).length === 0);
    });

    it("never splits a character, and keeps what is not text recognisable", async () => {
      const slowly = "printf '\\342'; sleep 0.1; printf '\\202'; sleep 0.1; printf '\\254'; printf '\\377!'";
      const client = await shell(slowly);
      await client.end();
      const text = client.messages.flatMap((message) => (message.type === "stdout" ? [message.data] : []));
      expect(text.join("")).toBe("€\ufffd!");
      const exact = await shell(slowly, { encoding: "base64" });
      await exact.end();
      expect(exact.text("stdout", "base64")).toBe(Buffer.from([0xe2, 0x82, 0xac, 0xff, 0x21]).toString("latin1"));
    });

    it("complains about input and signals that cannot be, and goes on", async () => {
      const client = await shell("echo ready; sleep 0.5; echo still here");
      await until(() => client.text("stdout") !== "");
      await client.send({ type: "stdin", data: "YQ==" }, { type: "signal", signal: "SIGNOTHING" }, { type: "later" });
      expect(await client.end()).toBe(1000);
      const errors = client.messages.filter(({ type }) => type === "error");
      expect(errors.length).toBeGreaterThanOrEqual(1);
      expect(errors).toContainEqual(
        expect.objectContaining({ code: "invalid_request", data: 'there is no signal "SIGNOTHING"' }),
      );
      expect(errors).not.toContainEqual(expect.objectContaining({ fatal: true }));
      expect(client.text("stdout")).toBe("ready\nstill here\n");
    });

    it.each(["stop", "leave"])("leaves the process alone when the client says %s", async (how) => {
      const file = join(dir, how);
      const client = await shell(`echo ready; while [ ! -e ${file} ]; do sleep 0.02; done; touch ${file}.done`);
      await until(() => client.text("stdout") === "ready\n");
      if (how === "stop") await client.send({ type: "stop" });
      else client.close();
      expect(await client.end()).toBeGreaterThanOrEqual(1000);
      if (how === "stop") expect(client.closed).toBe(1000);
      await until(() => platform.host.guest.open === 0);
      expect(await processes()).toHaveLength(1);
      await platform.act(id, "exec", { cmd: "touch", args: [file] });
      await until(() => existsSync(`${file}.done`));
    });

    it.each([
      [{ type: "start", cmd: "/nowhere/at-all" }, "not_found"],
      [{ type: "start", cmd: "true", cwd: "/nowhere" }, "invalid_request"],
      [{ type: "start" }, "invalid_request"],
      [{ type: "stop" }, "invalid_request"],
      ["{", "invalid_request"],
      ["null", "invalid_request"],
    ])("answers %j with the error %s and closes", async (message, code) => {
      const client = open("/exec/stream");
      await client.send(message);
      expect(await client.end()).toBe(1000);
      expect(client.messages).toEqual([{ type: "error", code, data: expect.any(String), fatal: true }]);
    });

    it("is told when the capsule breaks off", async () => {
      const client = await shell("echo ready; sleep 1000");
      await until(() => client.text("stdout") !== "");
      platform.host.guest.cut();
      expect(await client.end()).toBe(1000);
      expect(client.messages.at(-1)).toEqual({
        type: "error",
        code: "agent_error",
        reason: "guest_unreachable",
        data: "the connection to the capsule broke",
        fatal: true,
      });
    });

    it("waits for a slow client, which gets every byte when it is alone", async () => {
      await using relay = await Relay.start(Number(new URL(platform.url).port));
      const client = open("/exec/stream", platform.key, `http://127.0.0.1:${relay.port}`);
      await client.send({ type: "start", cmd: "sh", args: ["-c", "seq 1 2000000"] });
      await client.next("start");
      relay.hold();
      let passed = -1;
      await until(() => passed === (passed = relay.passed));
      relay.release();
      expect(await client.end()).toBe(1000);
      expect(client.messages.filter(({ type }) => type === "gap")).toEqual([]);
      const text = client.text("stdout");
      expect(text.length).toBe(14_888_896);
      expect(text.endsWith("\n1999999\n2000000\n")).toBe(true);
      expect(client.messages.at(-1)).toMatchObject({ type: "exit", exit_code: 0 });
    }, 120_000);
  });

  describe("processes/{selector}/stream", () => {
    const background = async (script: string, tag: string) =>
      (await platform.act<{ pid: number }>(id, "exec", { cmd: "sh", args: ["-c", script], background: true, tag }))
        .body;

    it("begins with start, by pid and by tag, then tells what comes from now on", async () => {
      const file = join(dir, "go");
      const { pid } = await background(
        `echo before; while [ ! -e ${file} ]; do sleep 0.02; done; echo after`,
        "by-both",
      );
      await until(async () => (await processes())[0]?.seq === 7);
      const streams = [open(`/processes/${pid}/stream`), open("/processes/by-both/stream")];
      for (const stream of streams) await stream.next("start");
      await platform.act(id, "exec", { cmd: "touch", args: [file] });
      for (const stream of streams) expect(await stream.end()).toBe(1000);
      expect(streams.map((stream) => stream.messages)).toEqual([
        [
          { type: "start", pid },
          { type: "stdout", data: "after\n", seq: 13 },
          { type: "exit", exit_code: 0 },
        ],
        [
          { type: "start", pid, tag: "by-both" },
          { type: "stdout", data: "after\n", seq: 13 },
          { type: "exit", exit_code: 0 },
        ],
      ]);
    });

    it("goes on after any position, also when the process has ended", async () => {
      const { pid } = await background("echo one; echo two", "replay");
      await until(async () => (await processes()).length === 0);
      const all = open(`/processes/${pid}/stream?from_seq=0`);
      expect(await all.end()).toBe(1000);
      expect(all.text("stdout")).toBe("one\ntwo\n");
      const rest = open("/processes/replay/stream?from_seq=4&encoding=base64");
      expect(await rest.end()).toBe(1000);
      expect(rest.text("stdout", "base64")).toBe("two\n");
      expect(rest.messages.at(-1)).toEqual({ type: "exit", exit_code: 0 });
    });

    it("says that there is no such process", async () => {
      for (const selector of ["nothing", "4294967295", "99999999999999999999"]) {
        const client = open(`/processes/${selector}/stream`);
        expect(await client.end()).toBe(1000);
        expect(client.messages).toEqual([expect.objectContaining({ type: "error", code: "not_found", fatal: true })]);
      }
    });
  });

  describe("who may", () => {
    const start = { type: "start", cmd: "echo", args: ["hi"] };

    it("says its key in the first message", async () => {
      const client = new StreamClient(`${platform.url}/api/v1/sandboxes/${id}/exec/stream`);
      await client.send({ type: "auth", api_key: platform.key }, start);
      expect(await client.end()).toBe(1000);
      expect(client.text("stdout")).toBe("hi\n");
    });

    it("may say its key twice", async () => {
      const client = open("/exec/stream");
      await client.send({ type: "auth", api_key: platform.key }, start);
      expect(await client.end()).toBe(1000);
      expect(client.text("stdout")).toBe("hi\n");
    });

    it.each([
      ["another key", { type: "auth", api_key: newApiKey() }],
      ["no key", { type: "auth" }],
      ["no auth message", start],
      ["nonsense", "{{{"],
    ])("nobody with %s", async (_what, message) => {
      const client = new StreamClient<ProcessServerMessage>(`${platform.url}/v1/capsules/${id}/exec/stream`);
      await client.send(message, start);
      expect(await client.end()).toBe(1000);
      const data = expect.stringMatching(/^authentication failed/);
      expect(client.messages).toEqual([{ type: "error", code: "unauthorized", data, fatal: true }]);
    });

    it("says its key in the first message, also when the header has a wrong one", async () => {
      for (const wrong of [newApiKey(), "no key at all", ""]) {
        const client = open("/exec/stream", wrong);
        await client.send({ type: "auth", api_key: platform.key }, start);
        expect(await client.end()).toBe(1000);
        expect(client.text("stdout")).toBe("hi\n");
      }
    });

    it("nobody with a wrong header, told as soon as another message comes", async () => {
      const client = open("/exec/stream", newApiKey());
      await client.send(start);
      expect(await client.end()).toBe(1000);
      const data = "authentication failed: invalid API key";
      expect(client.messages).toEqual([{ type: "error", code: "unauthorized", data, fatal: true }]);
    });

    it("nobody with a wrong header who says nothing for 5 seconds", async () => {
      const client = open("/ports/watch", newApiKey());
      expect(await client.end()).toBe(1000);
      expect(client.messages).toEqual([expect.objectContaining({ type: "error", code: "unauthorized" })]);
    });

    it("nobody who says nothing for 5 seconds", async () => {
      const client = new StreamClient<ProcessServerMessage>(`${platform.url}/v1/capsules/${id}/exec/stream`);
      expect(await client.end()).toBe(1000);
      expect(client.messages).toEqual([expect.objectContaining({ type: "error", code: "unauthorized" })]);
    });

    it("no other team", async () => {
      const key = await platform.otherTeam();
      const client = open("/exec/stream", key);
      await client.send(start);
      expect(await client.end()).toBe(1000);
      expect(client.messages).toEqual([expect.objectContaining({ type: "error", code: "not_found" })]);
    });
  });

  describe("before the upgrade", () => {
    it.each(["/exec/stream", "/pty", "/processes/1/stream", "/files/watch?path=/", "/ports/watch"])(
      "a bad id is answered with 400 at %s",
      async (path) => {
        const client = new StreamClient(`${platform.url}/v1/capsules/cl-bad${path}`, platform.key);
        await client.end();
        expect(client.messages).toEqual([]);
        const answer = await platform.request("GET", `/v1/capsules/cl-bad${path}`);
        expect(answer).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
      },
    );

    it("a path that is a WebSocket says so to others", async () => {
      expect(await platform.request("GET", `/v1/capsules/${id}/pty`)).toMatchObject({
        status: 400,
        body: { error: { message: "this path is a WebSocket: ask for an upgrade" } },
      });
      expect((await platform.request("POST", `/v1/capsules/${id}/pty`)).status).toBe(405);
    });
  });

  it("wakes a capsule that may be woken, and refuses another one", async () => {
    const sleeper = await platform.createCapsule({ auto_resume: true });
    const plain = await platform.createCapsule();
    for (const one of [sleeper, plain]) await platform.act(one.id, "pause");
    const stream = async (capsule: string) => {
      const client: Client = new StreamClient(`${platform.url}/v1/capsules/${capsule}/exec/stream`, platform.key);
      await client.send({ type: "start", cmd: "echo", args: ["awake"] });
      await client.end();
      return client;
    };
    expect((await stream(sleeper.id)).text("stdout")).toBe("awake\n");
    expect((await stream(plain.id)).messages).toEqual([
      { type: "error", code: "invalid_state", data: "capsule is not running", fatal: true },
    ]);
    for (const one of [sleeper, plain]) await platform.destroyCapsule(one.id);
  });

  it("are closed with 1001 when the server stops, and the process lives on", async () => {
    const client = await shell("echo ready; sleep 1000");
    await until(() => client.text("stdout") !== "");
    await platform.stopControlPlane();
    expect(await client.end()).toBe(1001);
    await platform.startControlPlane();
    expect(await processes()).toHaveLength(1);
  });
});
