/** `wrenn snapshot create`, `ls` and `rm`. */
import { TEMPLATE_TYPES, type Template } from "@wrenn/protocol/rest/snapshots";
import { type Command, Option } from "commander";
import { apiClient, localInstance } from "../instance.ts";
import { age, json, mebibytes, notePhases, out, size, table } from "../output/print.ts";
import { showWaiting } from "../output/progress.ts";
import type { JsonOption } from "./options.ts";
import { attemptAll, reportFailures } from "./several.ts";

export function snapshotCommand(program: Command): void {
  const snapshot = program
    .command("snapshot")
    .description("Keep capsules as templates, from which others start")
    .addHelpText(
      "after",
      "\nPrepare a machine once and start it many times:\n  wrenn exec ID -- apt-get install -y nginx\n  wrenn snapshot create ID with-nginx\n  wrenn create --template with-nginx",
    );
  addCreate(snapshot);
  addList(snapshot);
  addRemove(snapshot);
}

function addCreate(snapshot: Command): void {
  snapshot
    .command("create <id> [name]")
    .description("Keep a capsule's memory and disk as a template and print its name")
    .option("--pause", "leave the capsule paused; otherwise a running one goes on running")
    .option("--json", "print the template as JSON")
    .addHelpText("after", "\nWithout a name it is called template- and 8 hexadecimal digits.")
    .action(async (id: string, name: string | undefined, options: { pause?: boolean } & JsonOption) => {
      const creating = apiClient(localInstance()).createSnapshot({
        sandbox_id: id,
        ...(name === undefined ? {} : { name }),
        ...(options.pause === true ? { pause: true } : {}),
      });
      const template = await showWaiting(`taking a snapshot of ${id}`, options.json === true, creating);
      if (options.json === true) return json(template);
      out(template.name);
      notePhases("taken", template.timings);
    });
}

function addList(snapshot: Command): void {
  snapshot
    .command("ls")
    .alias("list")
    .description("List the templates, newest first")
    .addOption(new Option("--type <type>", "only those of the platform, or only your own").choices(TEMPLATE_TYPES))
    .option("--json", "print them as JSON")
    .action(async (options: { type?: Template["type"] } & JsonOption) => {
      const templates = await apiClient(localInstance()).listSnapshots(options.type);
      if (options.json === true) return json(templates);
      out(table(["NAME", "TYPE", "VCPUS", "MEMORY", "DISK", "SIZE", "AGE"], templates.map(row)));
    });
}

function row({ name, type, vcpus, memory_mb, disk_size_mb, size_bytes, created_at }: Template): string[] {
  return [
    name,
    type,
    vcpus === undefined ? "-" : `${vcpus}`,
    memory_mb === undefined ? "-" : mebibytes(memory_mb),
    disk_size_mb === undefined ? "-" : mebibytes(disk_size_mb),
    size(size_bytes),
    age(created_at),
  ];
}

function addRemove(snapshot: Command): void {
  snapshot
    .command("rm <names...>")
    .description("Delete snapshots that no capsule was started from")
    .option("--json", "print the names that were deleted as JSON")
    .action(async (names: string[], options: JsonOption) => {
      const api = apiClient(localInstance());
      const outcome = await attemptAll(names, async (name) => {
        await api.deleteSnapshot(name);
        return name;
      });
      if (options.json === true) json({ deleted: outcome.done });
      else for (const name of outcome.done) out(name);
      reportFailures(outcome, options.json === true);
    });
}
