import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Process } from "@wrenn/protocol/gen/process_pb";
import { ACCESS_TOKEN_HEADER } from "@wrenn/protocol/guest-http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleGuestAgent, nativeAddonPath } from "../bundle.ts";
import { run, shell } from "./testing/run.ts";

let folder = "";
let root = "";
let agent: ChildProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "agent-bundle-"));
  await bundleGuestAgent(join(folder, "agent.mjs"));
  copyFileSync(nativeAddonPath(), join(folder, "koffi.node"));
  root = mkdtempSync(join(tmpdir(), "agent-root-"));
  mkdirSync(join(root, "run/wrenn"), { recursive: true });
  mkdirSync(join(root, "etc"));
  const { uid, gid } = userInfo();
  writeFileSync(join(root, "etc/passwd"), `root:x:${uid}:${gid}::/:/bin/sh\n`);
  writeFileSync(join(root, "etc/group"), "");
});

afterAll(() => {
  agent?.kill("SIGKILL");
  for (const made of [folder, root]) rmSync(made, { recursive: true });
});

it("is one file that runs without JIT and without node_modules", async () => {
  expect(readdirSync(folder).toSorted()).toEqual(["agent.mjs", "koffi.node"]);
  const address = ["--host", "127.0.0.1", "--gateway", "127.0.0.1"];
  const args = ["--jitless", "--expose-gc", "agent.mjs", "--port", "0", "--root", root, ...address];
  agent = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(agent.stdout!, "data");
  const baseUrl = `http://${/listening on (\S+)/.exec(String(line))?.[1]}`;
  const headers = { [ACCESS_TOKEN_HEADER]: "token-of-the-tests" };
  await fetch(`${baseUrl}/init`, { method: "POST", body: JSON.stringify({ accessToken: "token-of-the-tests" }) });
  for (const useBinaryFormat of [true, false]) {
    const transport = createConnectTransport({
      httpVersion: "1.1",
      baseUrl,
      useBinaryFormat,
      interceptors: [
        (next) => (request) => {
          request.header.set(ACCESS_TOKEN_HEADER, "token-of-the-tests");
          return next(request);
        },
      ],
    });
    const client = createClient(Process, transport);
    const { stdout, end } = await run(client, shell("echo from a process"));
    expect(stdout.toString()).toBe("from a process\n");
    expect(end.exitCode).toBe(0);
  }
  expect((await fetch(`${baseUrl}/files?path=missing`, { headers })).status).toBe(404);
  expect(existsSync(join(root, "run/wrenn/agent-settings.json")), "its settings are kept in its root").toBe(true);
});
