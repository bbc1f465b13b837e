/** Kinds of jobs for tests. Each leaves a row in the table `runs`. */
import { sql } from "drizzle-orm";
import { z } from "zod";
import { defineJob } from "../define.ts";
import type { JobDeps } from "../deps.ts";

export const TEST_TIMES = { deadAfterSec: 10, lookSec: 1, pollSec: 0.5, startSec: 0.5 };

const data = z.object({ number: z.int() });
const QUICK = { limit: 2, delaySec: 1, maxDelaySec: 1 };

async function note({ db }: JobDeps, job: string, number: number): Promise<void> {
  await db.queries.execute(sql`insert into runs (job, number, pid) values (${job}, ${number}, ${process.pid})`);
}

export const counted = defineJob({ name: "counted", data, run: (deps, { number }) => note(deps, "counted", number) });

/** Fails until it was tried as often as its number says. */
export const flaky = defineJob({
  name: "flaky",
  data,
  retries: QUICK,
  run: async (deps, { number }) => {
    await note(deps, "flaky", number);
    const { rows } = await deps.db.queries.execute(sql`select 1 from runs where job = 'flaky' and number = ${number}`);
    if (rows.length < number) throw new Error(`attempt ${rows.length} fails`);
  },
});

/** In a child process it never ends. */
export const stuck = defineJob({
  name: "stuck",
  data,
  retries: QUICK,
  run: async (deps, { number }, signal) => {
    await note(deps, "stuck", number);
    if (process.send !== undefined && process.argv[1]?.endsWith("worker.ts")) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
  },
});

/** Takes until the test lets it end. */
export const gate = newGate();

function newGate() {
  return { reached: Promise.withResolvers<void>(), open: Promise.withResolvers<void>() };
}

/** Closes it for the next test. */
export function closeGate(): void {
  Object.assign(gate, newGate());
}

export const held = defineJob({
  name: "held",
  data,
  run: async (deps, { number }) => {
    gate.reached.resolve();
    await gate.open.promise;
    await note(deps, "held", number);
  },
});
