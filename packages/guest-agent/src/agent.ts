/** What the parts of the agent share, built once by `main` or by a test. */
import { ProcessTable } from "./process/process-table.ts";
import { INITIAL_SETTINGS, type Settings } from "./settings.ts";
import { type Kernel, linuxKernel } from "./system/kernel.ts";
import { Users } from "./system/users.ts";

export interface AgentOptions {
  /** folder that stands for `/` in what the agent itself reads and writes; processes and file transfers see the real one */
  readonly root?: string;
  readonly kernel?: Kernel;
}

export interface Agent {
  readonly root: string;
  readonly kernel: Kernel;
  readonly users: Users;
  readonly processes: ProcessTable;
  settings: Settings;
}

export function createAgent({ root = "/", kernel = linuxKernel }: AgentOptions = {}): Agent {
  return { root, kernel, users: new Users(root), processes: new ProcessTable(), settings: INITIAL_SETTINGS };
}
