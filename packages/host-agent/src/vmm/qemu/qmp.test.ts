import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LineSplitter, Qmp } from "./qmp.ts";

describe("LineSplitter", () => {
  it("joins lines however they were cut, and drops empty ones", () => {
    const splitter = new LineSplitter(100);
    expect(splitter.push('{"a"')).toEqual([]);
    expect(splitter.push(":1}\r\n\n{}\n{")).toEqual(['{"a":1}\r', "{}"]);
  });

  it("refuses a line without end", () => {
    expect(() => new LineSplitter(10).push("x".repeat(11))).toThrow(RangeError);
  });
});

describe("Qmp", () => {
  let dir: string;
  let server: Server;
  let peers: Socket[];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "qmp-"));
    peers = [];
  });
  afterEach(async () => {
    for (const peer of peers) peer.destroy();
    server.close();
    await rm(dir, { recursive: true });
  });

  /** A monitor that answers each command by what `reply` makes of it. */
  async function monitor(reply: (command: string) => string, greeting = '{"QMP":{}}\n'): Promise<string> {
    const path = join(dir, "qmp.sock");
    server = createServer((socket) => {
      peers.push(socket);
      socket.write(greeting);
      socket.on("data", (data) => {
        for (const line of String(data).split("\n").filter(Boolean)) socket.write(reply(JSON.parse(line).execute));
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return path;
  }
  const options = { timeoutMs: 2000, gone: () => false };

  it("answers commands in order and passes events on", async () => {
    const path = await monitor((name) => `{"event":"E","data":{"of":"${name}"}}\n{"return":"${name}"}\n`);
    const qmp = await Qmp.connect(path, options);
    const events: unknown[] = [];
    qmp.onEvent((event) => events.push(event.data["of"]));
    expect(await Promise.all([qmp.execute("one"), qmp.execute("two")])).toEqual(["one", "two"]);
    expect(events).toEqual(["one", "two"]);
  });

  it("throws what the VMM says", async () => {
    const path = await monitor((name) =>
      name === "bad" ? '{"error":{"class":"X","desc":"no such thing"}}\n' : '{"return":{}}\n',
    );
    const qmp = await Qmp.connect(path, options);
    await expect(qmp.execute("bad")).rejects.toMatchObject({
      code: "vmm_failed",
      message: expect.stringContaining("no such thing"),
    });
    await expect(qmp.execute("good")).resolves.toEqual({});
  });

  it("rejects what is pending when the VMM dies, and everything after", async () => {
    const path = await monitor((name) => (name === "hang" ? "" : '{"return":{}}\n'));
    const qmp = await Qmp.connect(path, options);
    const hanging = qmp.execute("hang");
    for (const peer of peers) peer.destroy();
    await expect(hanging).rejects.toMatchObject({ code: "vmm_failed" });
    await qmp.closed;
    await expect(qmp.execute("more")).rejects.toMatchObject({ code: "vmm_failed" });
  });

  it("gives up on an answer that is late, and keeps those that follow in order", async () => {
    let held: string | undefined;
    const path = await monitor((name) => {
      if (name === "slow") {
        held = '{"return":"late"}\n';
        return "";
      }
      return `${held ?? ""}{"return":"${name}"}\n`;
    });
    const qmp = await Qmp.connect(path, options);
    await expect(qmp.execute("slow", undefined, 50)).rejects.toMatchObject({
      code: "vmm_failed",
      message: expect.stringContaining("slow"),
    });
    expect(await qmp.execute("next")).toBe("next");
  });

  it("gives up on garbage, on silence and on a VMM that is gone", async () => {
    const path = await monitor(() => "this is not JSON\n");
    await expect(Qmp.connect(path, options)).rejects.toMatchObject({ code: "vmm_failed" });
    server.close();
    const silent = await monitor(() => "", "").catch(() => path);
    await expect(Qmp.connect(silent, { timeoutMs: 200, gone: () => false })).rejects.toMatchObject({
      code: "vmm_failed",
    });
    await expect(Qmp.connect(join(dir, "none"), { timeoutMs: 5000, gone: () => true })).rejects.toMatchObject({
      code: "vmm_failed",
    });
  });
});
