import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ProcessServerMessage } from "@wrenn/protocol/rest/streams";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TestPlatform } from "../../testing/platform.ts";
import { ENGINES } from "../../testing/postgres.ts";
import type { StreamClient } from "../../testing/stream-client.ts";
import { StreamLab } from "../../testing/stream-lab.ts";
import { until } from "../../testing/until.ts";

type Client = StreamClient<ProcessServerMessage>;

describe.each(ENGINES)("input of processes on PostgreSQL $name", (engine) => {
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

  const shell: StreamLab["shell"] = (...args) => lab.shell(...args);
  const processes = () => lab.processes();
  const input = (bytes: number, ack?: number) => ({
    type: "stdin",
    data: Buffer.alloc(bytes, "x").toString("base64"),
    ...(ack === undefined ? {} : { ack }),
  });
  const acksOf = (client: Client) => client.messages.flatMap((one) => (one.type === "ack" ? [one.ack] : []));

  it("passes on input, its end, and signals", async () => {
    const client = await shell("trap 'echo got it' USR1; echo ready; cat; wait; echo done", { stdin: true });
    await until(() => client.text("stdout") === "ready\n");
    await client.send({ type: "stdin", data: Buffer.from("a\xff", "latin1").toString("base64") });
    await until(() => client.text("stdout").length > 6);
    await client.send({ type: "signal", signal: "SIGUSR1" }, { type: "close_stdin" });
    expect(await client.next("exit")).toMatchObject({ exit_code: 0 });
    expect(client.messages.flatMap((message) => (message.type === "stdout" ? [message.data] : [])).join("")).toMatch(
      /^ready\na\ufffd(got it\n)?done\n$/,
    );
  });

  it("loses nothing of much input, and ends it after the last byte", async () => {
    const client = await shell("sleep 0.3; wc -c", { stdin: true });
    await client.next("start");
    const piece = { type: "stdin", data: Buffer.alloc(50_000, "x").toString("base64") };
    await client.send(...Array.from({ length: 100 }, () => piece), { type: "close_stdin" });
    await client.end();
    expect(client.text("stdout").trim()).toBe("5000000");
  });

  it("passes on signals, also to a process that does not read its input", async () => {
    const client = await shell("sleep 1000", { stdin: true });
    await client.next("start");
    await client.send(...Array.from({ length: 10 }, () => input(60_000)), { type: "signal", signal: "SIGTERM" });
    expect(await client.next("exit")).toMatchObject({ signal: 15 });
  });

  it("says how much of the input the process has taken, to whom it asks", async () => {
    const file = join(dir, "read");
    const client = await shell(`while [ ! -e ${file} ]; do sleep 0.02; done; cat > /dev/null`, { stdin: true });
    await client.next("start");
    await client.send(input(1), input(1000, 7), input(300_000, 8), input(0, 9));
    await until(() => acksOf(client).length > 0);
    expect(acksOf(client)).toEqual([7]);
    await platform.act(id, "exec", { cmd: "touch", args: [file] });
    await until(() => acksOf(client).at(-1) === 9);
    await client.send({ type: "close_stdin", ack: 10 });
    await client.next("exit");
    expect(acksOf(client).slice(0, 3)).toEqual([7, 8, 9]);
  });

  it("stops a client that sends much more than the process reads, and loses nothing", async () => {
    const file = join(dir, "much");
    const client = await shell(`while [ ! -e ${file} ]; do sleep 0.02; done; wc -c`, { stdin: true });
    await client.next("start");
    await client.send(...Array.from({ length: 400 }, () => input(50_000)), { type: "close_stdin" });
    let before = -1;
    await until(() => before === (before = client.socket.bufferedAmount));
    expect(before).toBeGreaterThan(10_000_000);
    await platform.act(id, "exec", { cmd: "touch", args: [file] });
    await client.end();
    expect(client.text("stdout").trim()).toBe("20000000");
  });

  it("gives a process that answers all input of a client that has left, and its end", async () => {
    const file = join(dir, "left");
    const script = `echo ready; while read line; do echo $line; sleep 0.05; done; echo all >> ${file}`;
    const client = await shell(script, { stdin: true });
    await until(() => client.text("stdout") === "ready\n");
    for (let n = 0; n < 10; n++) await client.send({ type: "stdin", data: Buffer.from("line\n").toString("base64") });
    await client.send(input(100_000), { type: "stdin", data: "Cg==" }, { type: "close_stdin" });
    client.close();
    await until(() => existsSync(file));
    await until(() => platform.host.guest.open === 0);
  });

  it("keeps nothing open for a client that left while its process does not read", async () => {
    const client = await shell("sleep 1000", { stdin: true });
    await client.next("start");
    await client.send(...Array.from({ length: 10 }, () => input(60_000)));
    await until(() => platform.host.guest.open === 2);
    client.close();
    await client.end();
    await until(() => platform.host.guest.open === 0);
    expect(await processes()).toHaveLength(1);
  });

  it("complains once about input that the process does not take", async () => {
    const client = await shell("read line < /dev/null; sleep 0.5");
    await client.next("start");
    await client.send(input(1, 1));
    await client.next("error");
    await client.send(input(1, 2), { type: "close_stdin", ack: 3 });
    await client.next("exit");
    expect(client.messages.filter(({ type }) => type === "error")).toEqual([
      { type: "error", code: expect.any(String), data: expect.any(String) },
    ]);
    expect(acksOf(client)).toEqual([1, 2, 3]);
  });

  it("has an empty input unless it was asked for", async () => {
    const client = await shell("cat; echo end");
    await client.end();
    expect(client.text("stdout")).toBe("end\n");
  });
});
