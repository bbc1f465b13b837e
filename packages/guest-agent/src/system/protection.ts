/**
 * Keeps the agent able to answer in a machine whose processors and memory are all taken: it runs before others, is never
 * killed for memory, and its program stays in memory. What it starts has none of this.
 */
import { openSync, readdirSync, readFileSync, stat, writeSync } from "node:fs";
import { setPriority } from "node:os";
import { logError } from "../log.ts";
import { keepInMemory, resetPriorityOnFork } from "./libc.ts";

/** ten times the processor time of an ordinary process, and at once when it wakes up */
const NICE = -10;
const NEVER_KILLED = "-1000";
/** The processes of a capsule go before anything else of it. */
const CHILD_SCORE = "100";

/** /proc/self/oom_score_adj, open; undefined while the agent is not protected. */
let score: number | undefined;

/** To be called once, as root; each part that the machine does not allow is left out and logged. */
export function protectAgent(): void {
  attempt("oom score", () => {
    const file = openSync("/proc/self/oom_score_adj", "r+");
    writeSync(file, NEVER_KILLED, 0);
    score = file;
  });
  attempt("program in memory", () => {
    for (const { address, length } of programMappings(readFileSync("/proc/self/maps", "latin1"))) {
      keepInMemory(address, length);
    }
  });
  // The first asynchronous call starts the threads of libuv's pool, which are to have the priority too.
  stat("/", () => attempt("priority", raisePriority));
}

function raisePriority(): void {
  resetPriorityOnFork();
  for (const thread of readdirSync("/proc/self/task")) setPriority(Number(thread), NICE);
}

/**
 * Runs `body`, which starts a process. It inherits its score in the moment of its start, so that no descendant can have
 * another one; for that moment the agent has it too.
 */
export function withChildScore<T>(body: () => T): T {
  if (score === undefined) return body();
  writeSync(score, CHILD_SCORE, 0);
  try {
    return body();
  } finally {
    writeSync(score, NEVER_KILLED, 0);
  }
}

interface Mapping {
  readonly address: bigint;
  readonly length: number;
}

/** The parts of /proc/self/maps that can be read again from a file and are never written: code and constants. */
export function programMappings(maps: string): Mapping[] {
  const lines = maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ [1-9]\d* +\//gm);
  return Array.from(lines, ([, from, to]) => {
    const address = BigInt(`0x${from}`);
    return { address, length: Number(BigInt(`0x${to}`) - address) };
  });
}

function attempt(what: string, body: () => void): void {
  try {
    body();
  } catch (error) {
    logError(`protect: ${what}`, error);
  }
}
