/** Creates that a destroy overtakes: nobody waits for the start of a machine that nobody wants any more. */
import { WrennError } from "@wrenn/protocol/errors";
import { killProcess, type ProcessIdentity } from "@wrenn/runtime/process-identity";
import type { HostContext } from "../host.ts";
import type { Progress } from "./steps.ts";

/** A create that is underway. */
export interface UnderwayCreate {
  readonly id: string;
  readonly abort: AbortController;
}

/** Runs a create; the signal is aborted when the machine is destroyed meanwhile. */
export async function whileWanted<T>(
  { creates }: Pick<HostContext, "creates">,
  id: string,
  body: (wanted: AbortSignal) => Promise<T>,
): Promise<T> {
  const create: UnderwayCreate = { id, abort: new AbortController() };
  creates.add(create);
  try {
    return await body(create.abort.signal);
  } finally {
    creates.delete(create);
  }
}

/** For a destroy, before it waits for its turn: creates of the machine end as soon as they have taken back what they did. */
export function abandonCreates({ creates }: Pick<HostContext, "creates">, id: string): void {
  for (const create of creates) {
    if (create.id !== id) continue;
    create.abort.abort(new WrennError("invalid_state", `capsule ${id} was destroyed while it was created`));
  }
}

/** The result of work that others need as well, and that leaves nothing behind: it goes on without whoever gave up. */
export async function unlessAbandoned<T>(wanted: AbortSignal, work: () => Promise<T>): Promise<T> {
  wanted.throwIfAborted();
  const abandoned = Promise.withResolvers<never>();
  const give = () => abandoned.reject(wanted.reason);
  wanted.addEventListener("abort", give, { once: true });
  try {
    return await Promise.race([work(), abandoned.promise]);
  } finally {
    wanted.removeEventListener("abort", give);
  }
}

/** What makes a machine somebody's, and is measured by its steps. */
type GuardedProgress<Op extends "create" | "claim"> = Pick<Progress<Op>, "done" | "vmm">;

/**
 * Starts or takes a VMM, which is killed when nobody wants it any more: `start` fails then, whatever it waits for, and takes back
 * what it did.
 */
export async function killedIfAbandoned<T, Op extends "create" | "claim">(
  wanted: AbortSignal,
  progress: GuardedProgress<Op>,
  start: (progress: GuardedProgress<Op>) => Promise<T>,
): Promise<T> {
  wanted.throwIfAborted();
  const kill = () => void endProcess(progress.vmm);
  const guarded: GuardedProgress<Op> = {
    get vmm() {
      return progress.vmm;
    },
    set vmm(vmm) {
      progress.vmm = vmm;
    },
    // One that was launched only now was not there to be killed.
    async done(step) {
      await progress.done(step);
      wanted.throwIfAborted();
    },
  };
  wanted.addEventListener("abort", kill, { once: true });
  try {
    return await start(guarded);
  } finally {
    wanted.removeEventListener("abort", kill);
  }
}

/** One that does not go is found by whoever takes the start back. */
async function endProcess(vmm: ProcessIdentity | undefined): Promise<void> {
  if (vmm !== undefined) await killProcess(vmm).catch(() => {});
}
