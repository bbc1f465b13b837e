/** Program of a root test: protects itself as the agent does, starts a process, and prints as JSON what both of them have. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { ProcessConfigSchema } from "@wrenn/protocol/gen/process_pb";
import { launch } from "../process/launch.ts";
import { ProcessTable } from "../process/process-table.ts";
import { INITIAL_SETTINGS } from "../settings.ts";
import { protectAgent } from "../system/protection.ts";
import { Users } from "../system/users.ts";

function niceOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
}

function threadPriorities(): number[] {
  return readdirSync("/proc/self/task").map((thread) =>
    niceOf(readFileSync(`/proc/self/task/${thread}/stat`, "latin1")),
  );
}

function fileLimits(): string[] {
  return /Max open files\s+(\d+)\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.slice(1) ?? [];
}

protectAgent();
while (threadPriorities().some((nice) => nice === 0)) await sleep(10);

// Waiting for the end of a process keeps no program alive.
setTimeout(() => process.exit(1), 10_000);
const table = new ProcessTable();
const script = "cat /proc/self/stat /proc/self/oom_score_adj; grep VmLck /proc/self/status; ulimit -Sn; ulimit -Hn";
const launched = launch(
  { users: new Users("/"), settings: INITIAL_SETTINGS },
  { cmd: "/bin/sh", args: ["-c", script], envs: {}, stdin: false },
);
let text = "";
table.add(launched, create(ProcessConfigSchema), undefined).output.subscribe({
  onOutput: ({ bytes }) => {
    text += Buffer.from(bytes).toString();
    return true;
  },
  onGap: () => true,
  onEnd() {
    const [stat = "", score, locked, soft, hard] = text.split("\n");
    const seen = {
      priorities: [...new Set(threadPriorities())],
      score: readFileSync("/proc/self/oom_score_adj", "utf8").trim(),
      lockedKb: Number(/VmLck:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]),
      files: fileLimits(),
      child: { priority: niceOf(stat), score, locked, files: [soft, hard] },
    };
    process.stdout.write(JSON.stringify(seen));
    process.exit();
  },
});
