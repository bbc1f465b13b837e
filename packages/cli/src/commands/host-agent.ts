/** `wrenn host-agent`: this box as a host of a control plane elsewhere, in the foreground. */
import { dirname } from "node:path";
import { readCredentials } from "@wrenn/host-agent/enrolment/credentials";
import { WrennError } from "@wrenn/protocol/errors";
import type { Command } from "commander";
import { localInstance, requireRoot } from "../instance.ts";
import { warnOfUnknown } from "./config.ts";
import { runInForeground } from "./foreground.ts";
import { ensureSetup } from "./setup.ts";

interface HostAgentOptions {
  readonly controlPlane?: string;
  readonly register?: string;
  readonly address?: string;
}

/** What the options stand for, for those who rather set variables. */
const VARIABLES = {
  controlPlane: "WRENN_CP_URL",
  register: "WRENN_REGISTER_TOKEN",
  address: "WRENN_HOST_ADDRESS",
} as const satisfies Record<keyof HostAgentOptions, string>;

export function hostAgentCommand(program: Command): void {
  program
    .command("host-agent")
    .description(
      "Run this box as a host of a control plane elsewhere, in the foreground (runs setup first where needed)",
    )
    .option("--control-plane <url>", "where to enrol (WRENN_CP_URL), such as https://wrenn.example.com")
    .option(
      "--register <token>",
      "enrol with this registration token (WRENN_REGISTER_TOKEN), unless it was used already",
    )
    .option("--address <host:port>", "where the control plane reaches this box (WRENN_HOST_ADDRESS)")
    .addHelpText(
      "after",
      [
        "\nThe three are needed once; a box that is enrolled starts without them. `POST /v1/hosts` makes the token.",
        "The agent listens on the port of --address, on all addresses, or on WRENN_HOST_LISTEN_ADDR.",
        "Two host agents on one box need a WRENN_DIR and an --address each; WRENN_SLOTS may divide the network slots.",
      ].join("\n"),
    )
    .action(async (options: HostAgentOptions) => {
      requireRoot("host-agent");
      warnOfUnknown(process.env);
      setVariables(options);
      const instance = localInstance();
      await requireEnrolment(process.env, instance.layout.hostCredentialsFile);
      await ensureSetup(instance, false);
      await runInForeground("@wrenn/host-agent/main");
    });
}

function setVariables(options: HostAgentOptions): void {
  for (const [option, variable] of Object.entries(VARIABLES)) {
    const value = options[option as keyof HostAgentOptions];
    if (value !== undefined) process.env[variable] = value;
  }
}

/**
 * Before minutes of setup, at the end of which nobody could reach it.
 * @throws config_invalid naming what is missing; invalid_state for the host of `wrenn up`, which nobody would tell where its control plane is
 */
export async function requireEnrolment(env: NodeJS.ProcessEnv, credentialsFile: string): Promise<void> {
  if (!env["WRENN_REGISTER_TOKEN"]) {
    const kept = await readCredentials(credentialsFile);
    if (kept?.local === true) {
      const folder = dirname(credentialsFile);
      const hint =
        "start it with `wrenn up`; a host of a control plane elsewhere takes a WRENN_DIR of its own, or --register";
      throw new WrennError("invalid_state", `${folder} is of the host that belongs to \`wrenn up\`: ${hint}`);
    }
    if (kept !== undefined) return;
    const missing = "this box is not enrolled: pass --register with the token that `POST /v1/hosts` gave";
    throw new WrennError("config_invalid", `${missing}, --control-plane and --address`);
  }
  const missing = [
    env["WRENN_CP_URL"] ? "" : "--control-plane, the URL to enrol at",
    env["WRENN_HOST_ADDRESS"] ? "" : "--address, the host:port at which the control plane reaches this box",
  ].filter((option) => option !== "");
  if (missing.length > 0) throw new WrennError("config_invalid", `--register needs ${missing.join(", and ")}`);
}
