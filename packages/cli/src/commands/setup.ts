/** `wrenn setup`: everything a box needs before the first capsule. */
import type { Command } from "commander";
import { type Instance, localInstance, makeStateFolder, requireRoot } from "../instance.ts";
import { json } from "../output/print.ts";
import { Progress } from "../output/progress.ts";
import { readSupervisor } from "../supervisor/state.ts";

export function setupCommand(program: Command): void {
  program
    .command("setup")
    .description("Install what this box needs and make the kernel, the images and the first snapshot")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nRepeatable: what exists is kept, what was cut off goes on, and once done it needs no network.\nWRENN_KERNEL and WRENN_KERNEL_MODULES name a guest kernel of your own, WRENN_QEMU a QEMU.",
    )
    .action(async (options: { json?: boolean }) => {
      const instance = localInstance();
      await ensureSetup(instance, options.json === true);
      if (options.json === true) json({ state: "ready", dir: instance.layout.dir, cache: instance.layout.cache });
    });
}

/** Does what is missing; quick when nothing is. @throws not_root, program_missing, setup_failed, … */
export async function ensureSetup({ config, layout }: Instance, quiet: boolean): Promise<void> {
  requireRoot("setup");
  await makeStateFolder(layout);
  const progress = new Progress(quiet);
  // A running host agent makes its snapshots itself, at the first create.
  const withTemplate = readSupervisor(layout) === undefined;
  // Loaded only here: most commands need nothing of the host agent, and start twice as fast without it.
  const { setUp } = await import("@wrenn/host-agent/prepare");
  await setUp(config, { report: progress.report, withTemplate });
}
