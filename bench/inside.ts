/** What it costs to ask something of a capsule that runs: commands, files, output, and what it costs when nobody asks. */
import { parseArgs } from "node:util";
import { Platform } from "@wrenn/testkit/platform";
import { benchExec } from "./inside/exec.ts";
import { benchIdle } from "./inside/idle.ts";
import { benchEchoes, benchProcesses } from "./inside/processes.ts";
import { benchTransfer } from "./inside/transfer.ts";
import { benchWriters } from "./inside/writers.ts";

export async function insideBench(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "200" },
      processes: { type: "string", default: "10000" },
      echoes: { type: "string", default: "1000" },
      "transfer-mb": { type: "string", default: "1024" },
      rounds: { type: "string", default: "1" },
      only: { type: "string" },
    },
  });
  const wanted = values.only?.split(",");
  const platform = await Platform.start();
  try {
    const api = await platform.api();
    const parts: Record<string, () => Promise<object>> = {
      idle: () => benchIdle(platform, api),
      exec: () => benchExec(platform, api, Number(values.runs)),
      transfer: () => benchTransfer(platform, api, Number(values["transfer-mb"]), Number(values.rounds)),
      writers: () => benchWriters(platform, api),
      processes: () => benchProcesses(platform, api, Number(values.processes)),
      echoes: () => benchEchoes(api, Number(values.echoes)),
    };
    const figures: Record<string, object> = {};
    for (const [name, part] of Object.entries(parts)) {
      if (wanted?.includes(name) ?? true) figures[name] = await part();
    }
    return figures;
  } finally {
    await platform.close();
  }
}
