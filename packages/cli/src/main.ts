/** Entry of the `wrenn` command. */
import { WrennError } from "@wrenn/protocol/errors";
import { Command, CommanderError } from "commander";
import { createCommand, infoCommand, listCommand, removeCommand } from "./commands/capsules.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { downCommand } from "./commands/down.ts";
import { execCommand } from "./commands/exec.ts";
import { logsCommand } from "./commands/logs.ts";
import { setupCommand } from "./commands/setup.ts";
import { startCommand } from "./commands/start.ts";
import { statusCommand } from "./commands/status.ts";
import { superviseCommand } from "./commands/supervise.ts";
import { upCommand } from "./commands/up.ts";
import { printError } from "./output/print.ts";

const USAGE_ERROR = 2;

function buildProgram(): Command {
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
  for (const add of [setupCommand, doctorCommand, upCommand, downCommand, statusCommand]) add(program);
  for (const add of [createCommand, listCommand, infoCommand, execCommand, removeCommand, logsCommand]) add(program);
  for (const add of [startCommand, superviseCommand]) add(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

// A reader that has seen enough, such as `head`, is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    throw error;
  });
}

try {
  await buildProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR;
  } else {
    const known = WrennError.from(error, "internal_error", String(error));
    // Only the words before the command that `exec` runs are ours.
    const own = process.argv.includes("--") ? process.argv.slice(0, process.argv.indexOf("--")) : process.argv;
    printError(known, own.includes("--json"));
    process.exitCode ||= 1;
  }
}
