/** `npm run bench -- NAME`: one measurement a name; prints ratios to a baseline of the same run and writes JSON. */
import { apiBench } from "./api.ts";
import { createBench } from "./create.ts";
import { insideBench } from "./inside.ts";
import { writeResult } from "./lib/report.ts";
import { lifecycleBench } from "./lifecycle.ts";

const BENCHES = { create: createBench, lifecycle: lifecycleBench, inside: insideBench, api: apiBench } as const;

const name = process.argv[2];
if (name === undefined || !Object.hasOwn(BENCHES, name)) {
  process.stderr.write(
    `usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [--runs N] [--rounds N] [--only PART,…]\n`,
  );
  process.exitCode = 2;
} else {
  const result = await BENCHES[name as keyof typeof BENCHES](process.argv.slice(3));
  // A part of the figures must not take the place of all of them.
  if (!process.argv.includes("--only")) await writeResult(name, result);
}
