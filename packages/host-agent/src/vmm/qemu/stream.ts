/** The block job that copies what disk layers hold into the one above them, which stands on `base` afterwards. */
import { WrennError } from "@wrenn/protocol/errors";
import type { Qmp } from "./qmp.ts";

const JOB = "flatten";

interface StreamNodes {
  /** device or node that takes it all */
  readonly into: string;
  /** node that it stands on afterwards */
  readonly base: string;
}

/** @throws AbortError when it is told to stop, vmm_failed: the layers stay in use then */
export async function streamLayers(qmp: Qmp, { into, base }: StreamNodes, signal: AbortSignal): Promise<void> {
  const ended = Promise.withResolvers<string | undefined>();
  const stopListening = qmp.onEvent(({ event, data }) => {
    if (data["device"] !== JOB) return;
    if (event === "BLOCK_JOB_CANCELLED") ended.resolve("cancelled");
    if (event === "BLOCK_JOB_COMPLETED") ended.resolve(data["error"] as string | undefined);
  });
  const cancel = () => void cancelStream(qmp);
  try {
    // A layer's header has room for 1023 bytes of what it stands on, which is some six layers: nobody reads it there.
    await qmp.execute("block-stream", { "job-id": JOB, device: into, "base-node": base, "backing-file": "" });
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    const reason = await Promise.race([ended.promise, qmp.closed.then(() => "the VMM is gone")]);
    if (reason === "cancelled") throw signal.reason;
    if (reason !== undefined) throw new WrennError("vmm_failed", `the disk layers cannot be made one: ${reason}`);
  } finally {
    signal.removeEventListener("abort", cancel);
    stopListening();
  }
}

/** Also of one that an agent before this one began. Its end is reported by an event. */
export async function cancelStream(qmp: Qmp): Promise<void> {
  await qmp.execute("block-job-cancel", { device: JOB }).catch(() => {
    // There is none, or not any more.
  });
}
