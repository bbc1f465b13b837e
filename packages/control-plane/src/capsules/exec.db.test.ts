import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BackgroundExec, Exec, ExecResult, ProcessList } from "@wrenn/protocol/rest/processes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("exec on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let id: string;
  let dir: string;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    ({ id } = await platform.createCapsule());
    dir = await mkdtemp(join(tmpdir(), "wrenn-exec-"));
  }, 60_000);
  afterAll(async () => {
    await platform[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  function exec<Body = ExecResult & BackgroundExec & Failure>(body: object, init?: RequestInit): Promise<Answer<Body>> {
    return platform.act<Body>(id, "exec", body, init);
  }
  const shell = (script: string, rest: Partial<Exec> = {}) => exec({ cmd: "sh", args: ["-c", script], ...rest });
  const processes = async () =>
    (await platform.request<ProcessList>("GET", `/v1/capsules/${id}/processes`)).body.processes;

  it("returns what a command printed and its exit code", async () => {
    const answer = await shell('echo "$A $(pwd)"; echo oops >&2; exit 3', { envs: { A: "b" }, cwd: "/tmp" });
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body).toEqual({
      sandbox_id: id,
      cmd: "sh",
      stdout: "b /tmp\n",
      stderr: "oops\n",
      exit_code: 3,
      duration_ms: expect.any(Number),
      encoding: "utf-8",
    });
  });

  it("returns bytes that are not UTF-8 as base64, both outputs alike", async () => {
    const { body } = await shell("printf '\\377\\000\\200'; printf ok >&2");
    expect(body).toMatchObject({ stdout: "/wCA", stderr: "b2s=", encoding: "base64" });
  });

  it("says which signal ended a command", async () => {
    expect((await shell("kill -15 $$")).body).toMatchObject({ exit_code: -1, signal: 15 });
  });

  it("gives a command its input, and an empty one when there is none", async () => {
    expect((await exec({ cmd: "cat", stdin: "héllo\n" })).body.stdout).toBe("héllo\n");
    const bytes = { stdin: "/wCA", stdin_encoding: "base64" };
    expect((await exec({ cmd: "cat", ...bytes })).body).toMatchObject({ stdout: "/wCA", encoding: "base64" });
    expect((await exec({ cmd: "wc", args: ["-c"], stdin: "x".repeat(300_000) })).body.stdout).toMatch(/^300000\b/);
    expect((await exec({ cmd: "cat" })).body.stdout).toBe("");
    expect((await exec({ cmd: "true", stdin: "x".repeat(300_000) })).body.exit_code).toBe(0);
    expect(await exec({ cmd: "cat", stdin: "*", stdin_encoding: "base64" })).toMatchObject({
      status: 400,
      body: { error: { message: "stdin is not base64" } },
    });
  });

  it.each([
    [{ cmd: "/nowhere/at-all" }, 404, "not_found"],
    [{ cmd: "true", cwd: "/nowhere" }, 400, "invalid_request"],
    [{ cmd: "true", user: "nobody-of-that-name" }, 400, "invalid_request"],
    [{ cmd: "/etc/passwd" }, 403, "forbidden"],
    [{ cmd: "true", tag: "17" }, 400, "invalid_request"],
  ])("%j is answered with %i %s", async (body, status, code) => {
    expect(await exec(body)).toMatchObject({ status, body: { error: { code } } });
    expect(await exec({ ...body, background: true })).toMatchObject({ status, body: { error: { code } } });
  });

  it("kills a command whose time is over, with all its children", async () => {
    const alive = join(dir, "timeout");
    const answer = await shell(`(while :; do date > ${alive}; sleep 0.05; done) & wait`, { timeout_sec: 1 });
    expect(answer).toMatchObject({
      status: 502,
      body: {
        error: {
          code: "agent_error",
          reason: "exec_timeout",
          message: "the command did not end within 1 s and was killed",
        },
      },
    });
    await expectStill(alive);
    expect(await processes()).toEqual([]);
  });

  it("leaves no command of a client that was gone before it began", async () => {
    const before = (await processes()).length;
    for (let ms = 0; ms < 20; ms++) {
      const leave = AbortSignal.timeout(ms);
      const gone = exec({ cmd: "sleep", args: ["987"], timeout_sec: 0 }, { signal: leave });
      await expect(gone).rejects.toThrow();
    }
    await until(async () => (await processes()).length === before);
  });

  it("kills a command whose client leaves, with all its children", async () => {
    const alive = join(dir, "left");
    const leave = new AbortController();
    const answer = exec(
      { cmd: "sh", args: ["-c", `(while :; do date > ${alive}; sleep 0.05; done) & wait`], timeout_sec: 0 },
      { signal: leave.signal },
    );
    await until(() => existsSync(alive));
    leave.abort();
    await expect(answer).rejects.toThrow();
    await until(async () => (await processes()).length === 0);
    await expectStill(alive);
  });

  it("kills a command that prints more than it may", async () => {
    const flood = await exec({ cmd: "yes" });
    expect(flood).toMatchObject({ status: 413, body: { error: { code: "too_large" } } });
    expect(flood.body.error.message).toContain("redirect its output to a file");
    await until(async () => (await processes()).length === 0);
  });

  it("starts a command in the background, finds it and kills it", async () => {
    const started = await shell("echo ready; sleep 1000", { background: true, tag: "my-server" });
    expect(started).toMatchObject({ status: 202, body: { sandbox_id: id, cmd: "sh", tag: "my-server" } });
    const { pid } = started.body;
    expect(await processes()).toEqual([
      {
        pid,
        tag: "my-server",
        cmd: "sh",
        args: ["-c", "echo ready; sleep 1000"],
        pty: false,
        seq: expect.any(Number),
      },
    ]);
    const kill = (selector: string, query = "") =>
      platform.request<Failure>("DELETE", `/v1/capsules/${id}/processes/${selector}${query}`);
    expect(await kill("other")).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
    expect(await kill("99999999999999999999")).toMatchObject({ status: 404 });
    expect((await kill("my-server", "?signal=term")).status).toBe(204);
    await until(async () => (await processes()).length === 0);
    expect((await kill(String(pid))).status).toBe(404);
  });

  it("kills a background command whose time is over, with all its children", async () => {
    const alive = join(dir, "background");
    const script = `(while :; do date > ${alive}; sleep 0.05; done) & wait`;
    expect(await shell(script, { background: true, timeout_sec: 1 })).toMatchObject({ status: 202 });
    await until(() => existsSync(alive));
    await until(async () => (await processes()).length === 0);
    await expectStill(alive);
  });

  it.each([
    ["", 9],
    ["?signal=", 9],
    ["?signal=SIGNOTHING", 9],
    ["?signal=SIGTERM", 15],
    ["?signal=15", 15],
  ])("ends a process of a DELETE with the query %j by signal %i", async (query, signal) => {
    const waiting = exec({ cmd: "sleep", args: ["1000"], tag: "to-end", timeout_sec: 0 });
    await until(async () => (await processes()).length === 1);
    expect((await platform.request("DELETE", `/v1/capsules/${id}/processes/to-end${query}`)).status).toBe(204);
    expect((await waiting).body).toMatchObject({ exit_code: -1, signal });
  });

  it("gives a background command its input and a tag of its own", async () => {
    const file = join(dir, "input");
    const { body } = await shell(`cat > ${file}.part; mv ${file}.part ${file}`, { background: true, stdin: "abc" });
    expect(body.tag).toMatch(/^proc-[0-9a-f]{8}$/);
    await until(() => existsSync(file));
    expect(await readFile(file, "utf8")).toBe("abc");
  });

  it("keeps nothing open for a background command that does not read, which finds all of its input later", async () => {
    await platform.stopControlPlane();
    await platform.startControlPlane({}, { backgroundInputMs: 300 });
    const [go, size] = [join(dir, "go"), join(dir, "size")];
    const script = `while [ ! -e ${go} ]; do sleep 0.02; done; wc -c > ${size}.part; mv ${size}.part ${size}`;
    expect(await shell(script, { background: true, stdin: "x".repeat(500_000) })).toMatchObject({ status: 202 });
    await until(() => platform.host.guest.requests.some((request) => request.endsWith("/SendInput")));
    await until(() => platform.host.guest.open === 0);
    await writeFile(go, "");
    await until(() => existsSync(size));
    expect(Number(await readFile(size, "utf8"))).toBe(500_000);
    await platform.stopControlPlane();
    await platform.startControlPlane();
  });

  it("says that the host died in the middle, and works again when it is back", async () => {
    const hanging = exec({ cmd: "sleep", args: ["1000"], timeout_sec: 0 });
    await until(async () => (await processes()).length === 1);
    await platform.restartHost();
    expect(await hanging).toMatchObject({ status: 502, body: { error: { reason: "guest_unreachable" } } });
    expect((await shell("echo still here")).body.stdout).toBe("still here\n");
    await until(async () => (await processes()).length === 0);
  });

  /** Whoever wrote the file does so no more. */
  async function expectStill(file: string): Promise<void> {
    const after = () => readFile(file, "utf8");
    let last = await after();
    // Three rounds of the writer's loop without a change.
    await until(async () => {
      const before = last;
      await exec({ cmd: "sleep", args: ["1.1"] });
      last = await after();
      return last === before;
    });
  }
});
