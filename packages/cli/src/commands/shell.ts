/** `wrenn shell` and `attach`: terminals in capsules. */
import { WrennError } from "@wrenn/protocol/errors";
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { apiClient, localInstance } from "../instance.ts";
import { followProcess, followTerminal, newTag, startTerminal } from "../streams/connections.ts";
import { ProcessStream } from "../streams/process-stream.ts";
import { requireTerminal, runPipe, runTerminal, thisTerminal } from "./terminals.ts";

/** bash where the image has it. */
const SHELL = "[ -x /bin/bash ] && exec /bin/bash -il; exec /bin/sh -il";

interface ShellOptions {
  readonly user?: string;
  readonly cwd?: string;
  readonly tag?: string;
}

export function shellCommand(program: Command): void {
  program
    .command("shell [id]")
    .description("Open a shell in a capsule; without an id in the only one that runs")
    .option("-u, --user <name>", "user to run as (default root)")
    .option("-w, --cwd <path>", "working directory (default: the home directory)")
    .option("--tag <tag>", "name to find it by (default: a random one)")
    .addHelpText("after", "\nCtrl-P Ctrl-Q leaves the shell running; 'wrenn attach' comes back to it.")
    .action(async (wanted: string | undefined, { user, cwd, tag = newTag("pty") }: ShellOptions) => {
      requireTerminal();
      const api = apiClient(localInstance());
      const id = wanted ?? (await onlyRunning(api));
      const terminal = {
        cmd: "/bin/sh",
        args: ["-c", SHELL],
        ...thisTerminal(),
        tag,
        ...(user === undefined ? {} : { user }),
        ...(cwd === undefined ? {} : { cwd }),
      };
      await runTerminal(new ProcessStream(api, id, startTerminal(terminal)), id, tag, { keyboard: true });
    });
}

async function onlyRunning(api: ApiClient): Promise<string> {
  const running = (await api.list()).filter(({ status }) => status === "running");
  const [only, ...others] = running;
  if (only !== undefined && others.length === 0) return only.id;
  throw new WrennError(
    "invalid_request",
    only === undefined ? "no capsule runs" : `name the capsule: ${running.length} are running`,
  );
}

export function attachCommand(program: Command): void {
  program
    .command("attach <id> <tag>")
    .description("Come back to a terminal or a process that was left running, with its newest output")
    .addHelpText(
      "after",
      "\nThe tag, or the pid, is what 'wrenn ps' shows. Of a terminal the screen appears again, and the keys go to it; Ctrl-P\nCtrl-Q leaves it. Of another process the output goes on; Ctrl-C leaves it. The exit code is the process's.",
    )
    .action(async (id: string, selector: string) => {
      const api = apiClient(localInstance());
      // One that has just ended is not listed, but the server still has its last output.
      const found = (await api.processes(id)).find(({ tag, pid }) => tag === selector || `${pid}` === selector);
      if (found?.pty !== true) {
        const stream = new ProcessStream(api, id, followProcess(selector));
        await runPipe(stream, id, selector, { signals: "leave", late: true });
        return;
      }
      requireTerminal();
      const stream = new ProcessStream(api, id, followTerminal(found.tag ?? selector));
      await runTerminal(stream, id, selector, { keyboard: true, joins: true });
    });
}
