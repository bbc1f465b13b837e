/** What the parts of the agent share, built once by `main` or by a test. */
import { GUEST_ADDRESS, GUEST_GATEWAY } from "@wrenn/protocol/guest-http";
import { watchListeners } from "./ports/listener-events.ts";
import { listListeners } from "./ports/listeners.ts";
import { Ports } from "./ports/ports.ts";
import { ProcessTable } from "./process/process-table.ts";
import type { Settings } from "./settings.ts";
import { loadSettings } from "./settings-file.ts";
import { type Kernel, linuxKernel } from "./system/kernel.ts";
import { Reclaimer } from "./system/reclaimer.ts";
import { Users } from "./system/users.ts";

export interface AgentOptions {
  /** folder that stands for `/` in what the agent itself reads and writes; processes and file transfers see the real one */
  readonly root?: string;
  readonly kernel?: Kernel;
  /** where requests of the host come from */
  readonly hostAddress?: string;
  readonly ports?: Ports;
}

export interface Agent {
  readonly root: string;
  readonly kernel: Kernel;
  readonly users: Users;
  readonly processes: ProcessTable;
  readonly hostAddress: string;
  readonly ports: Ports;
  readonly reclaimer: Reclaimer;
  settings: Settings;
}

export function createAgent(options: AgentOptions = {}): Agent {
  const { root = "/", kernel = linuxKernel, hostAddress = GUEST_GATEWAY } = options;
  return {
    root,
    kernel,
    users: new Users(root),
    processes: new ProcessTable(),
    hostAddress,
    ports: options.ports ?? portsOfMachine(hostAddress),
    reclaimer: new Reclaimer(kernel),
    settings: loadSettings(root),
  };
}

function portsOfMachine(hostAddress: string): Ports {
  return new Ports({
    list: listListeners,
    watch: (onClosed, onChange) => watchListeners(GUEST_ADDRESS, onClosed, onChange),
    address: GUEST_ADDRESS,
    hostAddress,
  });
}
