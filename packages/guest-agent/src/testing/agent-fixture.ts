/** A whole agent for tests: real server and processes, its own root folder, and a kernel that only remembers. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Process } from "@wrenn/protocol/gen/process_pb";
import { type Agent, createAgent } from "../agent.ts";
import { createAgentServer } from "../server.ts";
import type { Kernel } from "../system/kernel.ts";

/** A user of the fixture's root folder that is in two groups; no account of this machine is needed for it. */
export const TESTER = { name: "tester", uid: 41_234, gid: 41_235, extraGid: 41_236 };

export interface AgentFixture extends AsyncDisposable {
  readonly agent: Agent;
  readonly root: string;
  readonly url: string;
  /** what the kernel was asked to do, in order */
  readonly kernelCalls: string[];
  readonly kernel: RememberingKernel;
  client(format?: "binary" | "json"): Client<typeof Process>;
}

export async function startAgent(): Promise<AgentFixture> {
  const root = mkdtempSync(join(tmpdir(), "guest-agent-"));
  mkdirSync(join(root, "etc"));
  mkdirSync(join(root, "run/wrenn"), { recursive: true });
  mkdirSync(join(root, "home"), { mode: 0o755 });
  const { name, uid, gid, extraGid } = TESTER;
  // Root is whoever runs the tests, so that most of them need no privilege.
  const own = `${process.getuid?.()}:${process.getgid?.()}`;
  writeFileSync(
    join(root, "etc/passwd"),
    `root:x:${own}:root:${root}:/bin/sh\n${name}:x:${uid}:${gid}::${root}/home:/bin/sh\n`,
  );
  writeFileSync(join(root, "etc/group"), `root:x:0:\n${name}:x:${gid}:\nextra:x:${extraGid}:someone,${name}\n`);

  const kernelCalls: string[] = [];
  const kernel = rememberingKernel(kernelCalls);
  const agent = createAgent({ root, kernel });
  const server = createAgentServer(agent);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    agent,
    root,
    url,
    kernelCalls,
    kernel,
    client: (format = "binary") =>
      createClient(
        Process,
        createConnectTransport({ httpVersion: "1.1", baseUrl: url, useBinaryFormat: format === "binary" }),
      ),
    async [Symbol.asyncDispose]() {
      for (const { process: running } of agent.processes.list()) process.kill(-running.pid, "SIGKILL");
      agent.processes.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      rmSync(root, { recursive: true });
    },
  };
}

/** A kernel whose page cache holds what a test says, and nothing once it was dropped. */
export interface RememberingKernel extends Kernel {
  cachedBytes: number;
}

function rememberingKernel(calls: string[]): RememberingKernel {
  return {
    cachedBytes: 0,
    setClock: (epochMs) => void calls.push(`clock ${epochMs}`),
    addEntropy: (bytes) => void calls.push(`entropy ${Buffer.from(bytes).toString("hex")}`),
    setHostname: (name) => void calls.push(`hostname ${name}`),
    sync: async () => void calls.push("sync"),
    pageCacheBytes() {
      return this.cachedBytes;
    },
    dropPageCache() {
      this.cachedBytes = 0;
      calls.push("drop page cache");
    },
    growRootDisk: () => void calls.push("grow root disk"),
    reserveRootDisk: (all) => void calls.push(all ? "reserve root disk" : "free root disk"),
    resetConnections: (exceptPort) => void calls.push(`reset connections except ${exceptPort}`),
  };
}
