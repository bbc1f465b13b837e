/** `wrenn ps` and `kill`: the processes that were started in a capsule from outside. */
import type { Process } from "@wrenn/protocol/rest/processes";
import { parseSignal } from "@wrenn/protocol/signals";
import type { Command } from "commander";
import { apiClient, localInstance } from "../instance.ts";
import { json, out, printable, table } from "../output/print.ts";
import type { JsonOption } from "./options.ts";
import { attemptAll, reportFailures } from "./several.ts";

export function psCommand(program: Command): void {
  program
    .command("ps <id>")
    .description("List the processes that were started in a capsule from outside")
    .option("--json", "print them as JSON")
    .addHelpText("after", "\nAll processes of the machine: wrenn exec ID ps aux")
    .action(async (id: string, options: JsonOption) => {
      const processes = await apiClient(localInstance()).processes(id);
      if (options.json === true) return json(processes);
      out(table(["PID", "TAG", "USER", "TERMINAL", "COMMAND"], processes.map(row)));
    });
}

function row({ pid, tag, user, pty, cmd, args = [] }: Process): string[] {
  return [
    `${pid}`,
    tag ?? "-",
    printable(user ?? "-"),
    pty === true ? "yes" : "-",
    printable([cmd, ...args].join(" ")),
  ];
}

export function killCommand(program: Command): void {
  program
    .command("kill <id> <selectors...>")
    .description("Send a signal to processes, named by tag or pid, and to all in their process groups")
    .option("-s, --signal <name>", "name or number of the signal", "SIGTERM")
    .option("--json", "print the processes that got it as JSON")
    .action(async (id: string, selectors: string[], options: { signal: string } & JsonOption) => {
      // The server takes what it does not know for SIGKILL, which nobody wants for a slip of the finger.
      parseSignal(options.signal);
      const api = apiClient(localInstance());
      const outcome = await attemptAll(selectors, async (selector) => {
        await api.kill(id, selector, options.signal);
        return selector;
      });
      if (options.json === true) json({ signalled: outcome.done });
      reportFailures(outcome, options.json === true);
    });
}
