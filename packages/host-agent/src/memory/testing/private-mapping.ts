/** A real process with a private mapping, for tests: what a VMM is to the memory engine. */
import { fork } from "node:child_process";
import { once } from "node:events";
import type { GuestMemory } from "../mapping.ts";
import { PAGE_BYTES } from "../pages.ts";
import type { MappingCommand } from "./mapping-process.ts";

export interface PrivateMapping extends AsyncDisposable, GuestMemory {
  fill(page: number, pages: number, byte: number): Promise<void>;
  /** writes what is there already */
  rewrite(page: number, pages: number): Promise<void>;
  /** MADV_DONTNEED: the pages are the file's again */
  discard(page: number, pages: number): Promise<void>;
  /** makes the kernel split the mapping around these pages */
  split(page: number, pages: number): Promise<void>;
  read(page?: number, pages?: number): Promise<Buffer>;
}

/** Starts a process that maps the file; it ends when disposed of. */
export async function mapFile(
  memoryPath: string,
  memoryBytes: number,
  kind: "private" | "shared" = "private",
): Promise<PrivateMapping> {
  const program = new URL("./mapping-process.ts", import.meta.url);
  const child = fork(program, [memoryPath, `${memoryBytes}`, kind], { execArgv: [], serialization: "advanced" });
  const exited = once(child, "exit");
  const answer = async (): Promise<Buffer> => {
    const [message] = (await Promise.race([
      once(child, "message"),
      exited.then(() => Promise.reject(new Error("the mapping process ended"))),
    ])) as [Uint8Array];
    return Buffer.from(message);
  };
  const tell = (command: MappingCommand): Promise<Buffer> => {
    child.send(command);
    return answer();
  };
  await answer();
  return {
    pid: child.pid ?? 0,
    memoryPath,
    memoryBytes,
    fill: async (page, pages, byte) => void (await tell({ op: "fill", page, pages, byte })),
    rewrite: async (page, pages) => void (await tell({ op: "rewrite", page, pages })),
    discard: async (page, pages) => void (await tell({ op: "discard", page, pages })),
    split: async (page, pages) => void (await tell({ op: "split", page, pages })),
    read: (page = 0, pages = memoryBytes / PAGE_BYTES) => tell({ op: "read", page, pages }),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
