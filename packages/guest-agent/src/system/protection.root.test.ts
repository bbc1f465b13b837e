import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("../testing/protected-agent.ts", import.meta.url));
/** Without CAP_SYS_RESOURCE, as in many containers, a process cannot put itself below its own score. */
const mayLowerScore =
  (BigInt(`0x${/CapEff:\s+(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`) >> 24n) & 1n;

it("the agent has priority, stays in memory and opens many files, and what it starts has none of it", () => {
  const limited = ["-c", 'ulimit -n 4096; exec "$@"', "sh", process.execPath, PROGRAM];
  const seen = JSON.parse(execFileSync("sh", limited, { encoding: "utf8" })) as Record<string, unknown>;
  const own = readFileSync("/proc/self/oom_score_adj", "utf8").trim();
  expect(seen).toEqual({
    priorities: [-20],
    lockedKb: expect.any(Number),
    score: mayLowerScore ? "-1000" : own,
    files: ["4096", "4096"],
    child: {
      priority: 0,
      score: mayLowerScore ? "100" : own,
      locked: expect.stringMatching(/VmLck:\s+0 kB/),
      files: ["1024", "4096"],
    },
  });
  expect(seen["lockedKb"]).toBeGreaterThan(10_000);
});
