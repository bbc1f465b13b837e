/** What a kind of background work is: a name, the shape of its data, when it runs, and what it does. */
import type { z } from "zod";
import type { JobDeps } from "./deps.ts";

export interface Retries {
  /** attempts after the first one */
  readonly limit: number;
  /** seconds before the second attempt; it doubles with each one, and varies a little */
  readonly delaySec: number;
  readonly maxDelaySec: number;
}

export interface JobOptions<Data> {
  /** for ever: it is the name of the queue, too */
  readonly name: string;
  readonly data: z.ZodType<Data>;
  /** when it runs by itself, in UTC and with `{}` as its data; never twice at the same time */
  readonly cron?: string;
  readonly retries?: Retries;
  /** seconds that one attempt may take */
  readonly timeoutSec?: number;
  /** seconds that it is kept after its end, and up to an hour longer; a week when absent */
  readonly keepSec?: number;
  /**
   * Does the work. It runs again after a crash or a failure, so doing it twice must be the same as doing it once.
   * @throws Hopeless when it is not to be tried again by itself
   * @param signal aborts when its time is over, or when this process ends and cannot wait for it
   */
  run(deps: JobDeps, data: Data, signal: AbortSignal): Promise<void>;
}

/** Trying again is no use: the job has failed, for an administrator to see and perhaps to try once more. */
export class Hopeless extends Error {
  override readonly name = "Hopeless";
}

/** A kind of job whose data is checked before each run. */
export interface JobType<Data = unknown> {
  readonly name: string;
  readonly cron: string | undefined;
  readonly retries: Retries;
  readonly timeoutSec: number;
  readonly keepSec: number | undefined;
  /** @throws what the data is not */
  parse(data: unknown): Data;
  runWith(deps: JobDeps, data: unknown, signal: AbortSignal): Promise<void>;
}

const RETRIES: Retries = { limit: 5, delaySec: 5, maxDelaySec: 600 };
const TIMEOUT_SEC = 900;

export function defineJob<Data>(options: JobOptions<Data>): JobType<Data> {
  const { name, data: schema, cron, retries = RETRIES, timeoutSec = TIMEOUT_SEC, keepSec } = options;
  const parse = (data: unknown) => schema.parse(data);
  return {
    name,
    cron,
    retries,
    timeoutSec,
    keepSec,
    parse,
    runWith: (deps, data, signal) => options.run(deps, parse(data), signal),
  };
}
