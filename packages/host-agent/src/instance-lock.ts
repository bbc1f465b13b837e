/** One process at a time works on an instance's machines: a host agent, a setup that boots a template, or a clean-up. */
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import { type ProcessLock, tryProcessLock } from "@wrenn/runtime/process-lock";
import { waitFor } from "@wrenn/runtime/wait";

/** Longer than a host agent takes to stop, whose supervisor was killed. */
const WAIT_MS = 30_000;

/** The kernel gives the lock back when this process ends, however it ends. @throws already_running */
export async function lockInstance(layout: Layout): Promise<ProcessLock> {
  const name = `wrenn-host-agent-${layout.instance}`;
  const lock = await waitFor(() => tryProcessLock(name), { timeoutMs: WAIT_MS, intervalMs: 100 });
  if (lock === undefined) throw new WrennError("already_running", `a host agent already works on ${layout.dir}`);
  return lock;
}
