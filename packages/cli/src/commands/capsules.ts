/** `wrenn create`, `list`, `info` and `rm`. */

import { DEFAULT_TEMPLATE, LIMITS } from "@wrenn/protocol/limits";
import type { Capsule, CreateCapsule } from "@wrenn/protocol/rest/capsules";
import type { Command } from "commander";
import { apiClient, localInstance } from "../instance.ts";
import { age, json, mebibytes, notePhases, out, phasesLine, table } from "../output/print.ts";
import { showWaiting } from "../output/progress.ts";
import { type JsonOption, parseInteger } from "./options.ts";
import { attemptAll, reportFailures } from "./several.ts";

interface CreateOptions extends JsonOption {
  readonly template?: string;
  readonly vcpus?: number;
  readonly memory?: number;
  readonly disk?: number;
  readonly timeout?: number;
  readonly autoResume?: boolean;
}

export function createCommand(program: Command): void {
  program
    .command("create")
    .description("Create a capsule and print its id")
    .option("-t, --template <name>", `base template or snapshot it starts from (default ${DEFAULT_TEMPLATE})`)
    .option("-c, --vcpus <n>", `virtual CPUs (default ${LIMITS.vcpus.default})`, parseInteger)
    .option("-m, --memory <MiB>", `memory (default ${LIMITS.memoryMb.default})`, parseInteger)
    .option("--disk <MiB>", `size of its disk (default ${LIMITS.diskSizeMb.default}, or the snapshot's)`, parseInteger)
    .option("--timeout <seconds>", "idle time until it is paused (default never)", parseInteger)
    .option("--auto-resume", "when it is paused, a request that needs it resumes it")
    .option("--json", "print the capsule as JSON")
    .addHelpText("after", "\nA capsule from a snapshot has the snapshot's CPUs and memory.")
    .action(async (options: CreateOptions) => {
      const creating = apiClient(localInstance()).create(toRequest(options));
      const capsule = await showWaiting("creating a capsule", options.json === true, creating);
      if (options.json === true) return json(capsule);
      out(capsule.id);
      notePhases("ready", capsule.timings);
    });
}

function toRequest({ template, vcpus, memory, disk, timeout, autoResume }: CreateOptions): CreateCapsule {
  return {
    ...(template === undefined ? {} : { template }),
    ...(vcpus === undefined ? {} : { vcpus }),
    ...(memory === undefined ? {} : { memory_mb: memory }),
    ...(disk === undefined ? {} : { disk_size_mb: disk }),
    ...(timeout === undefined ? {} : { timeout_sec: timeout }),
    ...(autoResume === undefined ? {} : { auto_resume: autoResume }),
  };
}

export function listCommand(program: Command): void {
  program
    .command("list")
    .alias("ls")
    .description("List the capsules, newest first")
    .option("--json", "print them as JSON")
    .action(async (options: JsonOption) => {
      const capsules = await apiClient(localInstance()).list();
      if (options.json === true) return json(capsules);
      out(table(["ID", "STATUS", "TEMPLATE", "VCPUS", "MEMORY", "ADDRESS", "AGE"], capsules.map(row)));
    });
}

function row({ id, status, pause_reason, template, vcpus, memory_mb, host_ip, created_at }: Capsule): string[] {
  const state = pause_reason === undefined ? status : `${status} (${pause_reason})`;
  return [id, state, template, `${vcpus}`, mebibytes(memory_mb), host_ip ?? "-", age(created_at)];
}

export function infoCommand(program: Command): void {
  program
    .command("info <id>")
    .description("Show everything about a capsule, also after its end")
    .option("--json", "print it as JSON")
    .action(async (id: string, options: JsonOption) => {
      const capsule = await apiClient(localInstance()).get(id);
      if (options.json === true) return json(capsule);
      const facts = factsOf(capsule);
      const width = Math.max(...Object.keys(facts).map((name) => name.length));
      for (const [name, value] of Object.entries(facts)) out(`${name.padEnd(width)}  ${value}`);
    });
}

function factsOf({ metadata = {}, timings = {}, ...facts }: Capsule): Record<string, unknown> {
  return {
    ...Object.fromEntries(Object.entries(facts).map(readable)),
    ...metadata,
    ...(Object.keys(timings).length > 0 ? { timings: phasesLine(timings) } : {}),
  };
}

/** `memory_mb 1536` as `memory 1.5 GiB` */
function readable([name, value]: [name: string, value: unknown]): [name: string, value: unknown] {
  return name.endsWith("_mb") ? [name.slice(0, -"_mb".length), mebibytes(Number(value))] : [name, value];
}

export function removeCommand(program: Command): void {
  program
    .command("rm [ids...]")
    .description("Destroy capsules")
    .option("--all", "all of them")
    .option("--json", "print the ids that were destroyed as JSON")
    .action(async (ids: string[], options: { all?: boolean } & JsonOption) => {
      if (ids.length === 0 && options.all !== true) {
        program.error("error: name the capsules to destroy, or pass --all", { exitCode: 2 });
      }
      const api = apiClient(localInstance());
      const wanted = options.all === true ? (await api.list()).map((capsule) => capsule.id) : ids;
      const outcome = await attemptAll(wanted, async (id) => {
        await api.destroy(id);
        return id;
      });
      if (options.json === true) json({ destroyed: outcome.done });
      else for (const id of outcome.done) out(id);
      reportFailures(outcome, options.json === true);
    });
}
