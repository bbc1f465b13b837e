/** `wrenn supervise`: what `up --detach` leaves running. Not meant to be typed. */
import { runService } from "@wrenn/runtime/service";
import type { Command } from "commander";
import { localInstance } from "../instance.ts";
import { parsePort, startServers } from "./up.ts";

export function superviseCommand(program: Command): void {
  program
    .command("supervise", { hidden: true })
    .option("--port <port>", "TCP port of the API", parsePort)
    .action(async (options: { port?: number }) => {
      await runService(
        "supervisor",
        async () => {
          const supervisor = await startServers(localInstance(), options.port);
          return { details: { ...supervisor.state }, close: () => supervisor.close() };
        },
        { outlivesParent: true },
      );
    });
}
