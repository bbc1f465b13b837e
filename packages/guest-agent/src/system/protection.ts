/**
 * Keeps the agent able to answer in a machine whose processors and memory are all taken: it runs before others, is never
 * killed for memory, its program stays in memory, and it may open many files. What it starts has none of this.
 */
import { openSync, readdirSync, readFileSync, stat, writeSync } from "node:fs";
import { setPriority } from "node:os";
import { attempt } from "../log.ts";
import { type FileLimit, fileLimit, keepInMemory, resetPriorityOnFork, setFileLimit } from "./libc.ts";

/** The highest: almost ninety times the processor time of an ordinary process, and at once when it wakes up. */
const NICE = -20;
const NEVER_KILLED = "-1000";
/** The processes of a capsule go before anything else of it. */
const CHILD_SCORE = "100";
/** Files that a process can have open, unless it raises that itself: what programs find elsewhere, and select(2) can take. */
const CHILD_FILES = 1024n;

/** /proc/self/oom_score_adj, open; undefined while the agent is not protected. */
let score: number | undefined;
/** undefined while the agent may have no more files open than what it starts */
let files: FileLimit | undefined;

/** To be called once, as root; each part that the machine does not allow is left out and logged. */
export function protectAgent(): void {
  attempt("protect: oom score", () => {
    const file = openSync("/proc/self/oom_score_adj", "r+");
    writeSync(file, NEVER_KILLED, 0);
    score = file;
  });
  attempt("protect: open files", () => {
    const limit = fileLimit();
    if (limit.soft > CHILD_FILES) files = limit;
  });
  attempt("protect: program in memory", () => {
    for (const { address, length } of programMappings(readFileSync("/proc/self/maps", "latin1"))) {
      keepInMemory(address, length);
    }
  });
  // The first asynchronous call starts the threads of libuv's pool, which are to have the priority too.
  stat("/", () => attempt("protect: priority", raisePriority));
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

/**
 * As `withChildScore` for the number of open files. To be as short as can be: what the agent has open stays so, but for that
 * moment its threads open no more than a process may.
 */
export function withChildFiles<T>(body: () => T): T {
  if (files === undefined) return body();
  setFileLimit({ soft: CHILD_FILES, hard: files.hard });
  try {
    return body();
  } finally {
    setFileLimit(files);
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
