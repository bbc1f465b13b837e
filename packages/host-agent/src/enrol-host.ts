/** What WRENN_CP_URL, WRENN_REGISTER_TOKEN and WRENN_HOST_ADDRESS ask for: that this host enrols. */
import { machine as architecture, cpus, totalmem } from "node:os";
import { WrennError } from "@wrenn/protocol/errors";
import type { Env, HostConfig } from "./config.ts";
import { totalSpaceMb } from "./disk/overlay.ts";
import type { EnrolOptions, HostFacts } from "./enrolment/enrolment.ts";

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

/** @throws config_invalid when nothing says where to enrol */
export async function enrolOptions(
  { layout, controlPlane }: HostConfig,
  { token, address }: EnrolArguments,
): Promise<Omit<EnrolOptions, "file">> {
  if (controlPlane === undefined)
    throw new WrennError("config_invalid", "WRENN_CP_URL must name the control plane to enrol at");
  return { controlPlane, token, facts: { address, ...(await hostFacts(layout.dir)) } };
}

export async function hostFacts(dir: string): Promise<Omit<HostFacts, "address">> {
  return {
    arch: architecture(),
    cpu_cores: cpus().length,
    memory_mb: Math.floor(totalmem() / 1024 / 1024),
    disk_gb: Math.max(1, Math.floor((await totalSpaceMb(dir)) / 1024)),
  };
}
