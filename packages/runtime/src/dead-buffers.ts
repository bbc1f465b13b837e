/**
 * Gives back the memory of buffers that have passed through. V8 sees a stream's chunks as small objects, however many bytes they
 * hold, and by itself lets some 32 MiB of dead ones pile up in each server.
 */

const PERIOD_MS = 250;
/** bytes of buffers, dead or alive, below which nothing is worth the milliseconds of a collection */
const WORTHWHILE = 8 * 1024 * 1024;

type Collect = (options: { type: "minor" }) => void;

/** Needs `--expose-gc`; without it nothing happens. The timer keeps no process alive. */
export function collectDeadBuffers(): void {
  const collect = (globalThis as { gc?: Collect }).gc;
  if (collect === undefined) return;
  setInterval(() => {
    if (process.memoryUsage().arrayBuffers > WORTHWHILE) collect({ type: "minor" });
  }, PERIOD_MS).unref();
}
