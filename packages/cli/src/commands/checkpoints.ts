/** `wrenn checkpoint create`, `ls` and `rm`, and `wrenn rollback`. */
import type { Command } from "commander";
import { apiClient, localInstance } from "../instance.ts";
import { age, json, notePhases, out, size, table } from "../output/print.ts";
import { showWaiting } from "../output/progress.ts";
import type { JsonOption } from "./options.ts";
import { attemptAll, reportFailures } from "./several.ts";

export function checkpointCommand(program: Command): void {
  const checkpoint = program
    .command("checkpoint")
    .description("Keep moments of a capsule, to which it can go back")
    .addHelpText(
      "after",
      "\nTry something and take it back:\n  wrenn checkpoint create ID before\n  wrenn exec ID -- rm -rf /etc\n  wrenn rollback ID before",
    );
  addCreate(checkpoint);
  addList(checkpoint);
  addRemove(checkpoint);
}

function addCreate(checkpoint: Command): void {
  checkpoint
    .command("create <id> [name]")
    .description("Keep a capsule's memory and disk as they are now and print the checkpoint's name")
    .option("--json", "print the checkpoint as JSON")
    .addHelpText("after", "\nWithout a name it is called checkpoint- and 8 hexadecimal digits.")
    .action(async (id: string, name: string | undefined, options: JsonOption) => {
      const creating = apiClient(localInstance()).createCheckpoint(id, name === undefined ? {} : { name });
      const created = await showWaiting(`taking a checkpoint of ${id}`, options.json === true, creating);
      if (options.json === true) return json(created);
      out(created.name);
      notePhases("taken", created.timings);
    });
}

function addList(checkpoint: Command): void {
  checkpoint
    .command("ls <id>")
    .alias("list")
    .description("List the checkpoints of a capsule, newest first")
    .option("--json", "print them as JSON")
    .action(async (id: string, options: JsonOption) => {
      const checkpoints = await apiClient(localInstance()).listCheckpoints(id);
      if (options.json === true) return json(checkpoints);
      const rows = checkpoints.map(({ name, size_bytes, created_at }) => [name, size(size_bytes), age(created_at)]);
      out(table(["NAME", "SIZE", "AGE"], rows));
    });
}

function addRemove(checkpoint: Command): void {
  checkpoint
    .command("rm <id> <names...>")
    .description("Delete checkpoints of a capsule")
    .option("--json", "print the names that were deleted as JSON")
    .action(async (id: string, names: string[], options: JsonOption) => {
      const api = apiClient(localInstance());
      const outcome = await attemptAll(names, async (name) => {
        await api.deleteCheckpoint(id, name);
        return name;
      });
      if (options.json === true) json({ deleted: outcome.done });
      else for (const name of outcome.done) out(name);
      reportFailures(outcome, options.json === true);
    });
}

export function rollbackCommand(program: Command): void {
  program
    .command("rollback <id> <checkpoint>")
    .description("Put a capsule back to a checkpoint; all that came after it is lost")
    .option("--json", "print the capsule as JSON")
    .action(async (id: string, checkpoint: string, options: JsonOption) => {
      const rolling = apiClient(localInstance()).rollback(id, { checkpoint });
      const capsule = await showWaiting(`rolling ${id} back`, options.json === true, rolling);
      if (options.json === true) return json(capsule);
      out(capsule.id);
      notePhases("rolled back", capsule.timings);
    });
}
