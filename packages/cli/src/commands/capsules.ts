/** `wrenn create`, `list`, `info` and `rm`. */

import { LIMITS } from "@wrenn/protocol/limits";
import type { Capsule, CreateCapsule } from "@wrenn/protocol/rest/capsules";
import { type Command, InvalidArgumentError } from "commander";
import { apiClient, localInstance } from "../instance.ts";
import { duration, json, note, out, phasesLine, style, table } from "../output/print.ts";

interface JsonOption {
  readonly json?: boolean;
}

/** A whole number; its bounds are the server's to check. */
export function parseInteger(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError("not a whole number.");
  return Number(text);
}

export function createCommand(program: Command): void {
  program
    .command("create")
    .description("Create a capsule and print its id")
    .option("-t, --template <name>", "what it starts from (default minimal)")
    .option("-c, --vcpus <n>", `virtual CPUs (default ${LIMITS.vcpus.default})`, parseInteger)
    .option("-m, --memory <MiB>", `memory (default ${LIMITS.memoryMb.default})`, parseInteger)
    .option("--timeout <seconds>", "idle time until it is paused (default never)", parseInteger)
    .option("--json", "print the capsule as JSON")
    .action(async (options: { template?: string; vcpus?: number; memory?: number; timeout?: number } & JsonOption) => {
      const request: CreateCapsule = {
        ...(options.template === undefined ? {} : { template: options.template }),
        ...(options.vcpus === undefined ? {} : { vcpus: options.vcpus }),
        ...(options.memory === undefined ? {} : { memory_mb: options.memory }),
        ...(options.timeout === undefined ? {} : { timeout_sec: options.timeout }),
      };
      const capsule = await apiClient(localInstance()).create(request);
      if (options.json === true) return json(capsule);
      out(capsule.id);
      const { total, ...phases } = capsule.timings ?? {};
      if (total !== undefined) note(style(`ready in ${duration(total)}: ${phasesLine(phases)}`, "dim"));
    });
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

function row(capsule: Capsule): string[] {
  const age = duration(Math.max(Date.now() - Date.parse(capsule.created_at), 0));
  const { id, status, template, vcpus, memory_mb, host_ip } = capsule;
  return [id, status, template, `${vcpus}`, `${memory_mb} MiB`, host_ip ?? "-", age];
}

export function infoCommand(program: Command): void {
  program
    .command("info <id>")
    .description("Show everything about a capsule, also after its end")
    .option("--json", "print it as JSON")
    .action(async (id: string, options: JsonOption) => {
      const capsule = await apiClient(localInstance()).get(id);
      if (options.json === true) return json(capsule);
      const { metadata = {}, timings = {}, ...facts } = capsule;
      const named = {
        ...facts,
        ...metadata,
        ...(Object.keys(timings).length > 0 ? { created_in: phasesLine(timings) } : {}),
      };
      const width = Math.max(...Object.keys(named).map((name) => name.length));
      for (const [name, value] of Object.entries(named)) out(`${name.padEnd(width)}  ${value}`);
    });
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
      const results = await Promise.allSettled(wanted.map((id) => api.destroy(id)));
      const destroyed = wanted.filter((_id, i) => results[i]?.status === "fulfilled");
      if (options.json === true) json({ destroyed });
      else for (const id of destroyed) out(id);
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    });
}
