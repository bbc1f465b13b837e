/** `wrenn host-agent`: this box as a host of a control plane elsewhere, in the foreground. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { localInstance, requireRoot } from "../instance.ts";
import { V8_FLAGS } from "../supervisor/child.ts";
import { ensureSetup } from "./setup.ts";

export function hostAgentCommand(program: Command): void {
  program
    .command("host-agent")
    .description("Run the host agent of this box for the control plane of WRENN_CP_URL, in the foreground")
    .option("--register <token>", "enrol with a registration token first, unless this one was used already")
    .option("--address <host:port>", "where the control plane reaches this box")
    .action(async (options: { register?: string; address?: string }) => {
      requireRoot("host-agent");
      await ensureSetup(localInstance(), false);
      const { register, address } = options;
      const env = {
        ...process.env,
        ...(register === undefined ? {} : { WRENN_REGISTER_TOKEN: register }),
        ...(address === undefined ? {} : { WRENN_HOST_ADDRESS: address }),
      };
      const entry = fileURLToPath(import.meta.resolve("@wrenn/host-agent/main"));
      const child = spawn(process.execPath, [...V8_FLAGS, entry], { env, stdio: "inherit" });
      // It stops its servers in order; this process only waits for it.
      const pass = (signal: NodeJS.Signals) => child.kill(signal);
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, pass);
      const [code] = (await once(child, "exit")) as [number | null];
      process.exitCode = code ?? 1;
    });
}
