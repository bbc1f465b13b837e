/** The clock that nobody sets. */

/** CLOCK_MONOTONIC in milliseconds, with fractions; `performance.now` counts from the start of the process. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
