/** The processes that clients started: those that run, and for a while those that have ended. */
import type { MessageShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type { ProcessConfig, ProcessSelectorSchema } from "@wrenn/protocol/gen/process_pb";
import { ChildReaper } from "../system/child-reaper.ts";
import { type EndedProcess, EndedProcesses } from "./ended-processes.ts";
import type { Launched } from "./launch.ts";
import { RunningProcess } from "./running-process.ts";

export interface ProcessEntry {
  readonly process: RunningProcess;
  readonly config: ProcessConfig;
  readonly tag: string | undefined;
}

type Selector = MessageShape<typeof ProcessSelectorSchema> | undefined;

export class ProcessTable {
  readonly #running = new Map<number, ProcessEntry>();
  readonly #ended = new EndedProcesses();
  readonly #reaper = new ChildReaper();

  /** Takes over a process just launched. @throws insufficient_memory, and then it is killed */
  add(launched: Launched, config: ProcessConfig, tag: string | undefined): RunningProcess {
    const { pid } = launched;
    const running = this.#takeOver(launched);
    const entry = { process: running, config, tag };
    this.#running.set(pid, entry);
    this.#reaper.watch(pid, (status) => {
      this.#running.delete(pid);
      running.exited(status);
      this.#ended.add(entry);
    });
    return running;
  }

  #takeOver(launched: Launched): RunningProcess {
    try {
      return new RunningProcess(launched);
    } catch (error) {
      this.#reaper.watch(launched.pid, () => {});
      process.kill(-launched.pid, "SIGKILL");
      const reason = error instanceof Error ? error.message : String(error);
      throw new WrennError("insufficient_memory", `no more processes can be started: ${reason}`, { cause: error });
    }
  }

  /** Forgets the processes, which live on. */
  close(): void {
    this.#reaper.close();
    this.#running.clear();
    this.#ended.clear();
  }

  /** Those that run. */
  list(): ProcessEntry[] {
    return [...this.#running.values()];
  }

  /** The running process by pid or, newest first, by tag. @throws invalid_request without a selector, not_found */
  select(selector: Selector): ProcessEntry {
    return this.#find<never>(selector, () => undefined);
  }

  /** The same, or if none runs one that ended a moment ago. @throws invalid_request without a selector, not_found */
  selectRecent(selector: Selector): EndedProcess {
    return this.#find(selector, (by) => (by.case === "pid" ? this.#ended.get(by.value) : this.#ended.tagged(by.value)));
  }

  #find<Other>(selector: Selector, otherwise: (by: Choice) => Other | undefined): ProcessEntry | Other {
    const by = selector?.selector;
    if (by?.case === undefined) throw new WrennError("invalid_request", "a pid or a tag must be given");
    const running = by.case === "pid" ? this.#running.get(by.value) : this.#tagged(by.value);
    const entry = running ?? otherwise(by);
    if (entry === undefined) throw new WrennError("not_found", `there is no process with ${by.case} ${by.value}`);
    return entry;
  }

  #tagged(wanted: string): ProcessEntry | undefined {
    return this.list().findLast(({ tag }) => tag === wanted);
  }
}

/** How a selector chooses. */
type Choice = Exclude<NonNullable<Selector>["selector"], { case: undefined }>;
