import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("../testing/protected-agent.ts", import.meta.url));
/** Without CAP_SYS_RESOURCE, as in many containers, a process cannot put itself below its own score. */
const mayLowerScore =
  (BigInt(`0x${/CapEff:\s+(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`) >> 24n) & 1n;

it("the agent has priority and stays in memory, and what it starts has neither", () => {
  const seen = JSON.parse(execFileSync(process.execPath, [PROGRAM], { encoding: "utf8" })) as Record<string, unknown>;
  const own = readFileSync("/proc/self/oom_score_adj", "utf8").trim();
  expect(seen).toEqual({
    priorities: [-10],
    lockedKb: expect.any(Number),
    score: mayLowerScore ? "-1000" : own,
    child: { priority: 0, score: mayLowerScore ? "100" : own, locked: expect.stringMatching(/VmLck:\s+0 kB/) },
  });
  expect(seen["lockedKb"]).toBeGreaterThan(10_000);
});
