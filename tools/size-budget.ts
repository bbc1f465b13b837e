/** Fails when a source file is longer than the budget: a file that passes it holds more than one idea. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const HARD = 500;
const SOFT = 300;
const EXEMPT = /\/(gen|migrations)\//;

const files = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.sh", "*.svelte"],
  {
    encoding: "utf8",
  },
)
  .split("\n")
  .filter((file) => file !== "" && !EXEMPT.test(file) && existsSync(file));

const long = files
  .map((file) => ({ file, lines: readFileSync(file, "utf8").split("\n").length - 1 }))
  .filter(({ lines }) => lines > SOFT)
  .toSorted((a, b) => b.lines - a.lines);

for (const { file, lines } of long)
  process.stdout.write(`${lines > HARD ? "over" : "near"} the budget: ${file} ${lines} lines\n`);
if (long.some(({ lines }) => lines > HARD)) process.exitCode = 1;
