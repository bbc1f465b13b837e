/**
 * For tests of what happens when something fails or stands still in the middle of an operation: a file names a step and what is to
 * happen at its end. Read only where WRENN_FAILPOINTS=1; each file acts once.
 */
import { readFileSync, rmSync } from "node:fs";
import { killProcess, type ProcessIdentity, signalProcess } from "@wrenn/runtime/process-identity";

/** `kill`: the host agent dies; `vmm`: the machine's VMM dies; `enospc`: the disk is full; `fail`: any other error. */
export const FAILURES = ["kill", "vmm", "enospc", "fail"] as const;
export type Failure = (typeof FAILURES)[number];
/** The machine's VMM stands still: the operation stays in flight, waiting for it, until somebody ends or continues it. */
export const STALL = "stall";

export class Failpoints {
  readonly #file: string | undefined;

  /** @param file absent: nothing ever fails */
  constructor(file: string | undefined) {
    this.#file = file;
  }

  async reached(step: string, vmm: ProcessIdentity | undefined): Promise<void> {
    const failure = this.#file === undefined ? undefined : take(this.#file, step);
    switch (failure) {
      case "kill":
        process.kill(process.pid, "SIGKILL");
        // The signal is on its way; nothing more may happen.
        return new Promise(() => {});
      case "vmm":
        return vmm === undefined ? undefined : killProcess(vmm);
      case STALL:
        if (vmm !== undefined) signalProcess(vmm, "SIGSTOP");
        return;
      case "enospc":
        throw Object.assign(new Error("no space left on device (test)"), { code: "ENOSPC" });
      case "fail":
        throw new Error("a step fails (test)");
      default:
    }
  }
}

/** The file holds `operation.step failure`. */
function take(file: string, step: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const [wanted, failure] = text.trim().split(" ");
  if (wanted !== step) return undefined;
  rmSync(file, { force: true });
  return failure;
}
