/** What the public Python SDK (0.1.2) relies on, line by line, as its HTTP client sends it. Acceptance runs the SDK itself. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { newId } from "@wrenn/protocol/ids";
import { type Capsule, capsuleSchema } from "@wrenn/protocol/rest/capsules";
import { FILE_TYPES, type FileEntryResult, type FileList } from "@wrenn/protocol/rest/files";
import type { BackgroundExec, ExecResult, ProcessList } from "@wrenn/protocol/rest/processes";
import type { ProcessServerMessage, PtyServerMessage } from "@wrenn/protocol/rest/streams";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerOf, readBytes, startFilesLab } from "../testing/files-lab.ts";
import type { Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { StreamClient } from "../testing/stream-client.ts";
import { until } from "../testing/until.ts";

/** Statuses that the SDK's models have; any other one breaks the whole answer. */
const STATUSES = ["pending", "starting", "running", "paused", "hibernated", "stopped", "missing", "error"];

describe.each(ENGINES)("the SDK on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let id: string;
  let home: string;

  beforeAll(async () => {
    ({ platform, id, home } = await startFilesLab(engine));
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  // A reverse proxy strips /api before or not: the SDK's base URL ends with it.
  const url = (path: string) => `/api/v1/capsules/${id}${path}`;
  const post = <Body>(path: string, body: object, init: RequestInit = {}) =>
    platform.post<Body & Failure>(url(path), body, init);
  const run = (script: string, rest: object = {}) =>
    post<ExecResult & BackgroundExec>("/exec", { cmd: "/bin/sh", args: ["-c", script], ...rest });
  const processes = async () => (await platform.request<ProcessList>("GET", url("/processes"))).body.processes;

  it("1. has answers within its 5 seconds, and for a paused capsule that it resumes too", async () => {
    const signal = () => AbortSignal.timeout(5000);
    const made = await platform.post<Capsule>("/api/v1/capsules", {}, { signal: signal() });
    expect(made.status).toBe(201);
    const path = `/api/v1/capsules/${made.body.id}`;
    await platform.request("POST", `${path}/pause`);
    expect((await platform.request("POST", `${path}/resume`, { signal: signal() })).status).toBe(200);
    expect((await platform.post(`${path}/files/list`, { path: "/" }, { signal: signal() })).status).toBe(200);
    expect((await platform.request("DELETE", path, { signal: signal() })).status).toBe(204);
  });

  it("2. gets an id, and a status that it knows, from create and while it waits for ready", async () => {
    const { body } = await platform.post<Capsule>("/api/v1/capsules", {});
    expect(body.id).toMatch(/^cl-[0-9a-z]{25}$/);
    expect(["pending", "running"]).toContain(body.status);
    const ready = await platform.request<Capsule>("GET", `/api/v1/capsules/${body.id}`);
    expect(ready).toMatchObject({ status: 200, body: { status: "running" } });
    await platform.destroyCapsule(body.id);
  });

  it("3. finds a capsule that it destroyed, stopped or missing", async () => {
    const { id: gone } = await platform.createCapsule();
    expect((await platform.request("DELETE", `/api/v1/capsules/${gone}`)).status).toBe(204);
    const { status, body } = await platform.request<Capsule>("GET", `/api/v1/capsules/${gone}`);
    expect(status).toBe(200);
    expect(["stopped", "missing"]).toContain(body.status);
  });

  describe("4. commands", () => {
    it("are /bin/sh -c", async () => {
      expect((await run("echo out; echo err >&2; exit 3")).body).toMatchObject({
        ...{ cmd: "/bin/sh", stdout: "out\n", stderr: "err\n", exit_code: 3, encoding: "utf-8" },
        duration_ms: expect.any(Number),
      });
    });

    it("in the background have a pid and a tag, and are gone from the list soon after they were killed", async () => {
      const { status, body } = await run("sleep 1000", { background: true });
      expect([status, body]).toEqual([
        202,
        { sandbox_id: id, cmd: "/bin/sh", pid: expect.any(Number), tag: expect.stringMatching(/^proc-[0-9a-f]{8}$/) },
      ]);
      expect((await processes()).map(({ pid }) => pid)).toContain(body.pid);
      expect((await platform.request("DELETE", url(`/processes/${body.pid}?signal=SIGKILL`))).status).toBe(204);
      await until(async () => (await processes()).length === 0);
    });

    it("are streamed: start, output, exit", async () => {
      const stream = new StreamClient<ProcessServerMessage>(platform.url + url("/exec/stream"), platform.key);
      await stream.send({ type: "start", cmd: "/bin/sh", args: ["-c", "echo hi"] });
      await stream.end();
      expect(stream.messages).toEqual([
        { type: "start", pid: expect.any(Number) },
        { type: "stdout", data: "hi\n", seq: 3 },
        { type: "exit", exit_code: 0 },
      ]);
    });

    it("are connected to by their pid", async () => {
      const { body } = await run("sleep 0.5; echo late", { background: true });
      const stream = new StreamClient<ProcessServerMessage>(
        platform.url + url(`/processes/${body.pid}/stream`),
        platform.key,
      );
      await stream.end();
      expect(stream.messages.map(({ type }) => type)).toEqual(["start", "stdout", "exit"]);
    });

    it("have terminals, with input and output in base64 and an exit code of 0", async () => {
      const stream = new StreamClient<PtyServerMessage>(platform.url + url("/pty"), platform.key);
      await stream.send({ type: "start", cmd: "/bin/bash", args: [], cols: 80, rows: 24, envs: {}, cwd: home });
      const { tag } = await stream.next("started");
      await stream.send({ type: "input", data: Buffer.from("exit 0\n").toString("base64") });
      expect(await stream.next("exit")).toEqual({ type: "exit", exit_code: 0 });
      expect(tag).toMatch(/^pty-[0-9a-f]{8}$/);
    });
  });

  describe("5. files", () => {
    it("mkdir of a folder that is there is 409 with the code conflict", async () => {
      const path = join(home, "made");
      expect((await post<FileEntryResult>("/files/mkdir", { path })).body.entry.type).toBe("directory");
      expect(await post("/files/mkdir", { path })).toMatchObject({
        status: 409,
        body: { error: { code: "conflict" } },
      });
    });

    it("exists lists the folder above; 404 not_found is a no", async () => {
      const path = join(home, "made");
      const { status, body } = await post<FileList>("/files/list", { path: home, depth: 1 });
      expect([status, body.entries.map((entry) => entry.path)]).toEqual([200, expect.arrayContaining([path])]);
      for (const action of ["list", "read", "remove", "stream/read"]) {
        expect(await post(`/files/${action}`, { path: join(home, "no/where") }), action).toMatchObject({
          status: 404,
          body: { error: { code: "not_found" } },
        });
      }
    });
  });

  it("6. finds itself in the home of root, where git is new enough", async () => {
    const { body } = await run('echo "$HOME $(pwd)"; git --version');
    // Here the home of root is the fixture's. That it is /root in `minimal`, with its git, the tests on real machines say.
    expect(body.stdout).toMatch(new RegExp(`^${home} ${home}\ngit version 2\\.(2[89]|[3-9]\\d|\\d{3})`));
  });

  describe("7. the code interpreter", () => {
    it("asks for a template that does not exist here, and is told so", async () => {
      const answer = await platform.post<Failure>("/api/v1/capsules", { template: "code-runner-beta" });
      expect(answer).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
    });
  });

  describe("8. uploads", () => {
    /** As httpx sends a generator: chunked, without a length. */
    async function send(path: string, boundary: string, pieces: (string | Uint8Array)[], length?: number) {
      const call = httpRequest(platform.url + url(path), {
        method: "POST",
        headers: {
          "x-api-key": platform.key,
          "content-type": `multipart/form-data; boundary=${boundary}`,
          ...(length === undefined ? {} : { "content-length": length }),
        },
      });
      for (const piece of pieces) call.write(piece);
      return (await answerOf(call.end())).status;
    }
    const content = randomBytes(300_000);

    it("stream: a boundary of 32 hexadecimal digits, path without a type, then file as upload.bin, chunked", async () => {
      const boundary = randomBytes(16).toString("hex");
      const path = join(home, "streamed/file.bin");
      const status = await send("/files/stream/write", boundary, [
        `--${boundary}\r\nContent-Disposition: form-data; name="path"\r\n\r\n${path}\r\n`,
        `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="upload.bin"\r\n`,
        "Content-Type: application/octet-stream\r\n\r\n",
        ...Array.from({ length: 5 }, (_, n) => content.subarray(n * 65_536, (n + 1) * 65_536)),
        `\r\n--${boundary}--\r\n`,
      ]);
      expect(status).toBe(204);
      expect((await readFile(path)).equals(content)).toBe(true);
    });

    it("plain: path first, then file as upload, with its length", async () => {
      const boundary = randomBytes(16).toString("hex");
      const path = join(home, "plain.bin");
      const body = Buffer.concat([
        Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="path"\r\n\r\n${path}\r\n`),
        Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="upload"\r\n`),
        Buffer.from("Content-Type: application/octet-stream\r\n\r\n"),
        content,
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ]);
      expect(await send("/files/write", boundary, [body], body.length)).toBe(204);
      expect((await readFile(path)).equals(content)).toBe(true);
    });

    it("are read again, also as a stream", async () => {
      const path = join(home, "plain.bin");
      for (const action of ["read", "stream/read"]) {
        const answer = await readBytes(platform, url(`/files/${action}`), path);
        expect([answer.status, Buffer.from(await answer.bytes()).equals(content)], action).toEqual([200, true]);
      }
    });
  });

  describe("9. timeouts", () => {
    it("sends timeout_sec, and takes a code that it knows for what was killed", async () => {
      const answer = await run("sleep 1000", { timeout_sec: 1 });
      expect(answer).toMatchObject({ status: 502, body: { error: { code: "agent_error" } } });
      await until(async () => (await processes()).length === 0);
    });

    it("may send no timeout_sec, and a tag with commands in the foreground", async () => {
      const answer = run("sleep 0.5; echo done", { tag: "tagged" });
      await until(async () => (await processes()).some(({ tag }) => tag === "tagged"));
      expect(await answer).toMatchObject({ status: 200, body: { stdout: "done\n" } });
    });
  });

  describe("10. models", () => {
    it("have closed words only", async () => {
      const statuses = capsuleSchema.shape.status.options;
      expect(STATUSES).toEqual(expect.arrayContaining([...statuses]));
      expect(["file", "directory", "symlink"]).toEqual(expect.arrayContaining([...FILE_TYPES]));
      const { entries } = (await post<FileList>("/files/list", { path: "/dev" })).body;
      expect(new Set(entries.map(({ type }) => type))).toEqual(new Set(["file", "directory"]));
    });

    it("never see null or an empty time", async () => {
      await mkdir(join(home, "nulls"), { recursive: true });
      const answers = [
        await platform.request("GET", `/api/v1/capsules/${id}`),
        await platform.request("GET", "/api/v1/capsules"),
        await post("/files/list", { path: home }),
        await platform.request("GET", url("/processes")),
        await run("true"),
      ];
      for (const { body } of answers) expect(JSON.stringify(body)).not.toMatch(/:null|_at":""|_updated":""/);
      await rm(join(home, "nulls"), { recursive: true });
    });

    it("get errors of one form, with a code that they know", async () => {
      const unknown = await platform.request<Failure>("GET", `/api/v1/capsules/${newId("capsule")}`);
      expect(unknown).toMatchObject({
        status: 404,
        body: { error: { code: "not_found", message: expect.any(String) } },
      });
    });
  });
});
