/** Enrols this host at the control plane of WRENN_CP_URL, where WRENN_REGISTER_TOKEN and WRENN_HOST_ADDRESS ask for it. */
import { cpus, totalmem } from "node:os";
import { WrennError } from "@wrenn/protocol/errors";
import type { Env, HostConfig } from "./config.ts";
import { totalSpaceMb } from "./disk/overlay.ts";
import { enrol } from "./enrolment/enrolment.ts";

export interface EnrolArguments {
  readonly token: string;
  /** `host:port` */
  readonly address: string;
}

/** Undefined when nothing is asked for. @throws config_invalid when half of it is */
export function enrolArguments(env: Env): EnrolArguments | undefined {
  const { WRENN_REGISTER_TOKEN: token, WRENN_HOST_ADDRESS: address } = env;
  if (!token) return undefined;
  if (!address) {
    throw new WrennError(
      "config_invalid",
      "--address (WRENN_HOST_ADDRESS) must say where this host is reached: host:port",
    );
  }
  return { token, address };
}

/** @throws config_invalid, connection_lost, and what the control plane answered */
export async function enrolHost(
  { layout, controlPlane }: HostConfig,
  { token, address }: EnrolArguments,
): Promise<void> {
  if (controlPlane === undefined)
    throw new WrennError("config_invalid", "WRENN_CP_URL must name the control plane to enrol at");
  const facts = {
    address,
    arch: process.arch,
    cpu_cores: cpus().length,
    memory_mb: Math.floor(totalmem() / 1024 / 1024),
    disk_gb: Math.max(1, Math.floor((await totalSpaceMb(layout.dir)) / 1024)),
  };
  await enrol({ file: layout.hostCredentialsFile, controlPlane, token, facts });
}
