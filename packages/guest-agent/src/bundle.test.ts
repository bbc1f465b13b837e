import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Process } from "@wrenn/protocol/gen/process_pb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleGuestAgent, nativeAddonPath } from "../bundle.ts";
import { run, shell } from "./testing/run.ts";

let folder = "";
let agent: ChildProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "agent-bundle-"));
  await bundleGuestAgent(join(folder, "agent.mjs"));
  copyFileSync(nativeAddonPath(), join(folder, "koffi.node"));
});

afterAll(() => {
  agent?.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

it("is one file that runs without JIT and without node_modules", async () => {
  expect(readdirSync(folder).toSorted()).toEqual(["agent.mjs", "koffi.node"]);
  const args = ["--jitless", "--expose-gc", "agent.mjs", "--port", "0", "--host", "127.0.0.1"];
  agent = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(agent.stdout!, "data");
  const baseUrl = `http://${/listening on (\S+)/.exec(String(line))?.[1]}`;
  for (const useBinaryFormat of [true, false]) {
    const client = createClient(Process, createConnectTransport({ httpVersion: "1.1", baseUrl, useBinaryFormat }));
    const { stdout, end } = await run(client, shell("echo from a process"));
    expect(stdout.toString()).toBe("from a process\n");
    expect(end.exitCode).toBe(0);
  }
  expect((await fetch(`${baseUrl}/files?path=missing`)).status).toBe(404);
});
