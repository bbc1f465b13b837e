/** A whole agent for tests: real server and processes, its own root folder, and a kernel that only remembers. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Process } from "@wrenn/protocol/gen/process_pb";
import { ACCESS_TOKEN_HEADER } from "@wrenn/protocol/guest-http";
import { type Agent, createAgent } from "../agent.ts";
import { Ports } from "../ports/ports.ts";
import { createAgentServer } from "../server.ts";
import type { Kernel } from "../system/kernel.ts";

/** The access token that the agent has when a test begins. */
export const TOKEN = "token-of-the-tests";
/** Where the agent is, and where the host is that it obeys. */
const HERE = "127.0.0.1";

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

export interface FixtureOptions {
  /** requests are sent as they are; without it those that name no access token get the right one */
  readonly strict?: boolean;
  /** none that anybody listens on when absent */
  readonly ports?: Ports;
}

const NO_PORTS = { list: () => [], watch: () => false, address: HERE, hostAddress: HERE };

export async function startAgent(options: FixtureOptions = {}): Promise<AgentFixture> {
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
  const agent = createAgent({ root, kernel, hostAddress: HERE, ports: options.ports ?? new Ports(NO_PORTS) });
  agent.settings = { ...agent.settings, accessToken: TOKEN };
  const server = createAgentServer(agent);
  if (!options.strict) {
    server.prependListener("request", ({ headers }) => {
      headers[ACCESS_TOKEN_HEADER] ??= TOKEN;
    });
  }
  server.listen(0, HERE);
  await once(server, "listening");
  const url = `http://${HERE}:${(server.address() as AddressInfo).port}`;
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
      agent.ports.close();
      agent.reclaimer.cancel();
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
  freeBytes: number;
}

const MEMORY_BYTES = 512 * 1024 * 1024;

function rememberingKernel(calls: string[]): RememberingKernel {
  return {
    cachedBytes: 0,
    freeBytes: MEMORY_BYTES / 2,
    setClock: (epochMs) => void calls.push(`clock ${epochMs}`),
    addEntropy: (bytes) => void calls.push(`entropy ${Buffer.from(bytes).toString("hex")}`),
    setHostname: (name) => void calls.push(`hostname ${name}`),
    sync: async () => void calls.push("sync"),
    memory() {
      const { cachedBytes: cache, freeBytes: free } = this;
      return { total: MEMORY_BYTES, free, available: free + cache, cache };
    },
    async dropPageCache() {
      this.freeBytes += this.cachedBytes;
      this.cachedBytes = 0;
      calls.push("drop page cache");
    },
    growRootDisk: () => void calls.push("grow root disk"),
    reserveRootDisk: (all) => void calls.push(all ? "reserve root disk" : "free root disk"),
    resetConnections: (exceptPort) => void calls.push(`reset connections except ${exceptPort}`),
  };
}
