import { WrennError } from "@wrenn/protocol/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { runCommand } from "../testing/command.ts";
import { aCapsule, FakeApi } from "../testing/fake-api.ts";
import { FakeCapsule } from "../testing/fake-capsule.ts";

describe("wrenn ps", () => {
  const processes = [
    { pid: 7, tag: "web", cmd: "python3", args: ["-m", "http.server"], user: "user" },
    { pid: 9, tag: "pty-1", cmd: "/bin/sh\u001b[2J", pty: true },
  ];

  it("shows what runs, and lets nobody steer the terminal", async () => {
    await using api = await FakeApi.start({ "GET /v1/capsules/cl-a/processes": { processes } });
    expect((await api.wrenn("ps", "cl-a")).stdout.split("\n")).toEqual([
      "PID  TAG    USER  TERMINAL  COMMAND",
      "7    web    user  -         python3 -m http.server",
      "9    pty-1  -     yes       /bin/sh?[2J",
      "",
    ]);
    expect(JSON.parse((await api.wrenn("ps", "cl-a", "--json")).stdout)).toEqual(processes);
  });
});

describe("wrenn kill", () => {
  it("sends SIGTERM or what it is told, and tells each failure", async () => {
    await using api = await FakeApi.start({
      "DELETE /v1/capsules/cl-a/processes/web?signal=SIGTERM": undefined,
      "DELETE /v1/capsules/cl-a/processes/7?signal=KILL": undefined,
      "DELETE /v1/capsules/cl-a/processes/8?signal=KILL": new WrennError("not_found", "no such process"),
    });
    expect(await api.wrenn("kill", "cl-a", "web")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await api.wrenn("kill", "-s", "KILL", "cl-a", "7", "8")).toEqual({
      code: 1,
      stdout: "",
      stderr: "error: 8: no such process (not_found)\n",
    });
  });

  it("sends nothing when there is no such signal", async () => {
    await using api = await FakeApi.start({});
    const refused = await api.wrenn("kill", "-s", "TREM", "cl-a", "web");
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no signal "TREM"') });
    expect(api.requests).toEqual([]);
  });

  it("never names the capsule instead of a process", async () => {
    await using api = await FakeApi.start({});
    expect(await api.wrenn("kill", "cl-a", "..")).toMatchObject({ code: 1 });
    expect(api.requests).toEqual([]);
  });
});

describe("wrenn ports", () => {
  it("shows who listens", async () => {
    const ports = [
      { port: 8080, address: "127.0.0.1", pid: 7, process: "python3" },
      { port: 53, address: "::" },
    ];
    await using api = await FakeApi.start({ "GET /v1/capsules/cl-a/ports": { ports } });
    expect((await api.wrenn("ports", "cl-a")).stdout.split("\n")).toEqual([
      "PORT  ADDRESS    PID  PROGRAM",
      "8080  127.0.0.1  7    python3",
      "53    ::         -    -",
      "",
    ]);
  });
});

describe("streams of a capsule", () => {
  let capsule: FakeCapsule;
  beforeEach(async () => {
    capsule = await FakeCapsule.start();
  });
  afterEach(() => capsule[Symbol.asyncDispose]());

  const FAILURE = { type: "error", data: "the capsule was paused", code: "invalid_state", fatal: true };
  const PAUSED = { code: 1, stderr: expect.stringContaining("the capsule was paused (invalid_state)") };

  const sending =
    (...messages: object[]) =>
    (socket: WebSocket) =>
      messages.forEach((message) => socket.send(JSON.stringify(message)));

  it("show ports that open and close", async () => {
    const web = { port: 80, address: "::", pid: 1, process: "nginx" };
    const db = { port: 5432, address: "127.0.0.1" };
    const messages = [[], [web], [web, db], [db]].map((ports) => ({ type: "ports", ports }));
    capsule.serves = { "ports/watch": sending(...messages, FAILURE) };
    const result = await runCommand(["ports", "cl-a", "--watch"]);
    expect(result).toMatchObject({
      ...PAUSED,
      stdout: "open    80  ::  1  nginx\nopen    5432  127.0.0.1  -  -\nclosed  80  ::  1  nginx\n",
    });
    const asJson = await runCommand(["ports", "cl-a", "--watch", "--json"]);
    expect(asJson.stdout).toBe(messages.map(({ ports }) => `${JSON.stringify(ports)}\n`).join(""));
  });

  it("show what happens to files", async () => {
    capsule.serves = {
      "files/watch": sending(
        { type: "started" },
        { type: "event", event: "write", name: "a\u001b[2J" },
        { type: "later", field: "of a newer server" },
        { type: "event", event: "create", name: "b", renamed_from: "a" },
        { type: "overflow" },
        FAILURE,
      ),
    };
    const result = await runCommand(["watch", "-r", "cl-a", "/srv/ü"]);
    expect(result).toMatchObject(PAUSED);
    expect(result.stdout.split("\n")).toEqual([
      "write   a?[2J",
      "create  b  (was a)",
      "overflow: events are missing here, look at the folder anew",
      "",
    ]);
    expect(capsule.streams).toEqual(["files/watch?path=%2Fsrv%2F%C3%BC&recursive=true"]);
    const asJson = await runCommand(["watch", "cl-a", "/srv", "--json"]);
    expect(
      asJson.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    ).toEqual([
      { event: "write", name: "a\u001b[2J" },
      { event: "create", name: "b", renamed_from: "a" },
      { event: "overflow" },
    ]);
  });

  it("that break are no silent end", async () => {
    capsule.serves = { "files/watch": (socket) => socket.close(1000), "ports/watch": (socket) => socket.terminate() };
    for (const args of [
      ["watch", "cl-a", "/srv"],
      ["ports", "-w", "cl-a"],
    ]) {
      expect(await runCommand(args)).toMatchObject({ code: 1, stderr: expect.stringContaining("connection_lost") });
    }
  });

  it("are refused with the server's reason", async () => {
    capsule.refuses = () => new WrennError("invalid_request", "invalid capsule ID");
    expect(await runCommand(["watch", "cl-a", "/srv"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "error: invalid capsule ID (invalid_request)\n",
    });
  });

  it("are attached to with what is kept of the output", async () => {
    await runCommand(["exec", "-d", "--tag", "job", "cl-a", "sh", "-c", "echo early; sleep 0.1; echo late; exit 5"]);
    expect(await runCommand(["attach", "cl-a", "job"])).toEqual({ code: 5, stdout: "early\nlate\n", stderr: "" });
    expect(capsule.streams).toEqual(["processes/job/stream?from_seq=0&encoding=base64"]);
    expect(await runCommand(["attach", "cl-a", "other"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no such process"),
    });
  });

  it("may begin late without an error", async () => {
    capsule.serves = {
      "processes/job/stream": sending(
        { type: "start", pid: 1 },
        { type: "gap", lost_bytes: 1000 },
        { type: "stdout", data: Buffer.from("newest\n").toString("base64"), seq: 1007 },
        { type: "exit", exit_code: 0 },
      ),
    };
    expect(await runCommand(["attach", "cl-a", "job"])).toEqual({ code: 0, stdout: "newest\n", stderr: "" });
  });
});

describe("wrenn shell", () => {
  it("wants a terminal", async () => {
    await using api = await FakeApi.start({ "GET /v1/capsules": [aCapsule()] });
    expect(await api.wrenn("shell", "cl-a")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("must be a terminal"),
    });
    expect(api.requests).toEqual([]);
  });
});

it("every command has help", async () => {
  await using api = await FakeApi.start({});
  for (const name of ["exec", "shell", "attach", "ps", "kill", "cp", "watch", "ports"]) {
    const help = await api.wrenn(name, "--help");
    expect(help.code).toBe(0);
    expect(help.stdout).toContain(`wrenn ${name}`);
    for (const line of help.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(130);
  }
  expect((await api.wrenn("cp", "--help")).stdout).toContain("ID:PATH");
  expect((await api.wrenn("shell", "--help")).stdout).toContain("Ctrl-P Ctrl-Q");
});
