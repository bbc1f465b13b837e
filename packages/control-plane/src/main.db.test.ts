import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import type { Layout } from "@wrenn/runtime/layout";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findPostmaster } from "./db/embedded/postmaster.ts";
import { ControlPlaneProcess } from "./testing/control-plane-process.ts";
import { removeLayout, testLayout } from "./testing/postgres.ts";
import { until } from "./testing/until.ts";

describe("the process", { timeout: 60_000 }, () => {
  let layout: Layout;
  const started: ControlPlaneProcess[] = [];

  beforeEach(async () => {
    layout = await testLayout();
  });
  afterEach(async () => {
    for (const { child, exit } of started.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await exit;
    }
    const left = findPostmaster(layout.postgres);
    if (left !== undefined) process.kill(left.pid, "SIGKILL");
    await removeLayout(layout);
  });

  function start(env?: NodeJS.ProcessEnv): ControlPlaneProcess {
    const one = new ControlPlaneProcess(layout, env);
    started.push(one);
    return one;
  }

  it("says when it is ready, keeps its key, and ends cleanly with its database", async () => {
    const first = start();
    const url = await first.ready();
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: "ok" });
    expect(first.lines).toContainEqual(expect.objectContaining({ event: "listening", url }));
    const key = (await readFile(layout.apiKeyFile, "utf8")).trim();
    expect((await stat(layout.apiKeyFile)).mode & 0o777).toBe(0o600);
    expect(first.output).not.toContain(key);
    first.child.kill("SIGTERM");
    expect(await first.exit).toEqual([0, null]);
    expect(findPostmaster(layout.postgres)).toBeUndefined();

    const second = start();
    const again = await second.ready();
    expect((await readFile(layout.apiKeyFile, "utf8")).trim()).toBe(key);
    expect((await fetch(`${again}/v1/capsules`, { headers: { "x-api-key": key } })).status).toBe(200);
    second.child.disconnect();
    expect(await second.exit).toEqual([0, null]);
  });

  it("takes over the database of a killed one, and stops it in the end", async () => {
    const first = start();
    await first.ready();
    first.child.kill("SIGKILL");
    await first.exit;
    const left = findPostmaster(layout.postgres);
    expect(left).toBeDefined();
    const second = start();
    await second.ready();
    expect(findPostmaster(layout.postgres)).toEqual(left);
    second.child.kill("SIGINT");
    expect(await second.exit).toEqual([0, null]);
    await until(() => findPostmaster(layout.postgres) === undefined);
  });

  it("fails with a clear line when its port is taken", async () => {
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const failed = start({ WRENN_CP_LISTEN_ADDR: `127.0.0.1:${port}` });
    const expected = { code: "port_in_use", message: `127.0.0.1:${port} is in use` };
    expect(await failed.message).toEqual({ type: "failed", ...expected });
    expect(await failed.exit).toEqual([1, null]);
    expect(failed.lines.at(-1)).toMatchObject({ level: "fatal", code: expected.code, msg: expected.message });
    expect(findPostmaster(layout.postgres)).toBeUndefined();
    other.close();
  });

  it("fails with a clear line when its configuration is wrong or its database is not there", async () => {
    const wrong = start({ LOG_LEVEL: "loud" });
    expect(await wrong.message).toMatchObject({ type: "failed", code: "config_invalid" });
    expect(await wrong.exit).toEqual([1, null]);
    const away = start({ DATABASE_URL: "postgres://u:hunter2@127.0.0.1:1/wrenn" });
    const message = "DATABASE_URL names 127.0.0.1:1/wrenn: nothing listens there";
    expect(await away.message).toEqual({ type: "failed", code: "database_unavailable", message });
    expect(await away.exit).toEqual([1, null]);
    expect(away.output).not.toContain("hunter2");
  });
});
