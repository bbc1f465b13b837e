/** The processes that clients started and that have not exited. */
import type { MessageShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type { ProcessConfig, ProcessSelectorSchema } from "@wrenn/protocol/gen/process_pb";
import { ChildReaper } from "../system/child-reaper.ts";
import type { Launched } from "./launch.ts";
import { RunningProcess } from "./running-process.ts";

export interface ProcessEntry {
  readonly process: RunningProcess;
  readonly config: ProcessConfig;
  readonly tag: string | undefined;
}

export class ProcessTable {
  readonly #entries = new Map<number, ProcessEntry>();
  readonly #reaper = new ChildReaper();

  /** Takes over a process just launched; its entry goes when it exits. */
  add(launched: Launched, config: ProcessConfig, tag: string | undefined): RunningProcess {
    const process = new RunningProcess(launched);
    this.#entries.set(launched.pid, { process, config, tag });
    this.#reaper.watch(launched.pid, (status) => {
      this.#entries.delete(launched.pid);
      process.exited(status);
    });
    return process;
  }

  /** Forgets the processes, which live on. */
  close(): void {
    this.#reaper.close();
    this.#entries.clear();
  }

  list(): ProcessEntry[] {
    return [...this.#entries.values()];
  }

  /** The process by pid or, newest first, by tag. @throws invalid_request without a selector, not_found */
  select(selector: MessageShape<typeof ProcessSelectorSchema> | undefined): ProcessEntry {
    const by = selector?.selector;
    if (by?.case === undefined) throw new WrennError("invalid_request", "a pid or a tag must be given");
    const entry = by.case === "pid" ? this.#entries.get(by.value) : this.list().findLast(({ tag }) => tag === by.value);
    if (entry === undefined) throw new WrennError("not_found", `there is no process with ${by.case} ${by.value}`);
    return entry;
  }
}
