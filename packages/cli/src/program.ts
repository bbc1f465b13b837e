/** All commands as one program, and what becomes of an error that ends one. */
import { WrennError } from "@wrenn/protocol/errors";
import { Command, CommanderError } from "commander";
import { backupCommand, restoreCommand } from "./commands/backup.ts";
import { createCommand, infoCommand, listCommand, removeCommand } from "./commands/capsules.ts";
import { checkpointCommand, rollbackCommand } from "./commands/checkpoints.ts";
import { configCommand } from "./commands/config.ts";
import { controlPlaneCommand } from "./commands/control-plane.ts";
import { cpCommand } from "./commands/cp.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { downCommand } from "./commands/down.ts";
import { execCommand } from "./commands/exec.ts";
import { hostAgentCommand } from "./commands/host-agent.ts";
import { forkCommand, pauseCommand, resumeCommand } from "./commands/lifecycle.ts";
import { logsCommand } from "./commands/logs.ts";
import { killCommand, psCommand } from "./commands/processes.ts";
import { setupCommand } from "./commands/setup.ts";
import { attachCommand, shellCommand } from "./commands/shell.ts";
import { snapshotCommand } from "./commands/snapshots.ts";
import { startCommand } from "./commands/start.ts";
import { statusCommand } from "./commands/status.ts";
import { superviseCommand } from "./commands/supervise.ts";
import { upCommand } from "./commands/up.ts";
import { statsCommand, usageCommand } from "./commands/usage.ts";
import { portsCommand, watchCommand } from "./commands/watching.ts";
import { printError } from "./output/print.ts";

const USAGE_ERROR = 2;

const GROUPS = {
  "This box:": [
    setupCommand,
    doctorCommand,
    upCommand,
    downCommand,
    statusCommand,
    configCommand,
    backupCommand,
    restoreCommand,
    startCommand,
    controlPlaneCommand,
    hostAgentCommand,
    superviseCommand,
  ],
  "Capsules:": [createCommand, listCommand, infoCommand, removeCommand, logsCommand, statsCommand, usageCommand],
  "Inside capsules:": [
    execCommand,
    shellCommand,
    attachCommand,
    psCommand,
    killCommand,
    cpCommand,
    watchCommand,
    portsCommand,
  ],
  "Pause and copy:": [pauseCommand, resumeCommand, forkCommand, snapshotCommand, checkpointCommand, rollbackCommand],
};

/** Runs one command line, without the name of the program; its exit code becomes this process's. */
export async function runProgram(args: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR;
      return;
    }
    // Only the words before the command that `exec` runs are ours.
    const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
    printError(WrennError.from(error, "internal_error", String(error)), own.includes("--json"));
    process.exitCode ||= 1;
  }
}

function buildProgram(): Command {
  // Commands inherit the settings that the program has when they are added.
  const program = new Command("wrenn")
    .description("Linux machines for AI agents, users and jobs, on your own hosts")
    .version("0.1.0")
    .enablePositionalOptions()
    .showHelpAfterError("(add --help for the options)")
    .addHelpText(
      "after",
      "\nWRENN_DIR chooses the state folder (default /var/lib/wrenn): each folder is an instance of its own.\nWRENN_API_URL and WRENN_API_KEY point the commands to another server.",
    )
    .exitOverride();
  for (const [heading, commands] of Object.entries(GROUPS)) {
    program.commandsGroup(heading);
    for (const add of commands) add(program);
  }
  return program.commandsGroup("Help:").helpCommand(true);
}
