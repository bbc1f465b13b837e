/** `wrenn pause`, `resume` and `fork`. */
import { LIMITS } from "@wrenn/protocol/limits";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { Command } from "commander";
import { apiClient, localInstance } from "../instance.ts";
import { json, notePhases, out } from "../output/print.ts";
import { showWaiting } from "../output/progress.ts";
import { type JsonOption, parseInteger } from "./options.ts";
import { attemptAll, type Outcome, reportFailures } from "./several.ts";

interface TimeoutOption {
  readonly timeout?: number;
}

export function pauseCommand(program: Command): void {
  program
    .command("pause <ids...>")
    .description("Save capsules with all that runs in them to disk, and free their memory")
    .option("--json", "print the capsules as JSON")
    .action(async (ids: string[], options: JsonOption) => {
      const api = apiClient(localInstance());
      const all = attemptAll(ids, (id) => api.pause(id));
      printCapsules(await showWaiting(`pausing ${describe(ids)}`, options.json === true, all), "paused", options);
    });
}

export function resumeCommand(program: Command): void {
  program
    .command("resume <ids...>")
    .description("Let paused capsules go on where they were")
    .option("--timeout <seconds>", "idle time until it is paused again (default: as before)", parseInteger)
    .option("--json", "print the capsules as JSON")
    .action(async (ids: string[], options: TimeoutOption & JsonOption) => {
      const api = apiClient(localInstance());
      const all = attemptAll(ids, (id) => api.resume(id, timeoutOf(options)));
      printCapsules(await showWaiting(`resuming ${describe(ids)}`, options.json === true, all), "resumed", options);
    });
}

export function forkCommand(program: Command): void {
  program
    .command("fork <id>")
    .description("Copy a capsule with all that runs in it, and print the ids of the copies")
    .option("-n, --count <N>", `number of copies (default ${LIMITS.forkCount.default})`, parseInteger)
    .option("--timeout <seconds>", "idle time until a copy is paused (default: the source's)", parseInteger)
    .option("--json", "print the copies and the time they took as JSON")
    .addHelpText(
      "after",
      "\nThe source goes on as before. A command in every copy:\n  wrenn fork ID -n 3 | while read -r copy; do wrenn exec $copy hostname; done",
    )
    .action(async (id: string, options: { count?: number } & TimeoutOption & JsonOption) => {
      const request = { ...(options.count === undefined ? {} : { count: options.count }), ...timeoutOf(options) };
      const forking = apiClient(localInstance()).fork(id, request);
      const result = await showWaiting(`forking ${id}`, options.json === true, forking);
      if (options.json === true) return json(result);
      for (const copy of result.capsules) out(copy.id);
      notePhases("ready", result.timings);
    });
}

function timeoutOf({ timeout }: TimeoutOption): { timeout_sec?: number } {
  return timeout === undefined ? {} : { timeout_sec: timeout };
}

function describe(ids: readonly string[]): string {
  return ids.length === 1 ? `${ids[0]}` : `${ids.length} capsules`;
}

function printCapsules(outcome: Outcome<Capsule>, what: string, options: JsonOption): void {
  if (options.json === true) json(outcome.done);
  else {
    for (const capsule of outcome.done) {
      out(capsule.id);
      notePhases(what, capsule.timings);
    }
  }
  reportFailures(outcome, options.json === true);
}
