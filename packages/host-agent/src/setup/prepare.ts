/**
 * What a host needs before a VM can start, in order: programs, the system user, a QEMU that is new enough, and what capsules
 * boot from. Done once, it needs no network any more.
 */
import type { HostConfig } from "../config.ts";
import { type PrepareOptions, prepareArtifacts, withCacheLock } from "../images/artifacts.ts";
import { hostDistribution, requireSupportedPlatform } from "../images/distribution.ts";
import { type Report, reportStep } from "../images/events.ts";
import { installPackages, missingPrograms, packagesFor } from "./packages.ts";
import { prepareQemu } from "./qemu.ts";
import { ensureUser, findUser, SYSTEM_USER } from "./user.ts";

export interface PrepareHostOptions {
  readonly report: Report;
  readonly signal?: AbortSignal;
}

/** Makes what is missing. @throws not_root, program_missing, unsupported_platform, kernel_invalid, disk_full, setup_failed */
export async function prepareHost(config: HostConfig, { report, signal }: PrepareHostOptions): Promise<void> {
  requireSupportedPlatform();
  const options: PrepareOptions = {
    cache: config.layout.cache,
    kernelPath: config.kernel,
    kernelModulesPath: config.kernelModules,
    report,
    signal,
  };
  await preparePackages(options);
  await withCacheLock(options, async () => {
    await prepareUser(options);
    await prepareQemu({ ...options, override: config.qemu });
  });
  await prepareArtifacts(options);
}

async function preparePackages({ report, signal }: PrepareOptions): Promise<void> {
  const missing = await missingPrograms();
  if (missing.length === 0) return report({ step: "packages", status: "cached" });
  const onOutput = (text: string): void => {
    const message = text.trim().split("\n").at(-1) ?? "";
    if (message !== "") report({ step: "packages", status: "progress", message });
  };
  const install = () => installPackages(missing, { distribution: hostDistribution(), onOutput, signal });
  await reportStep(report, "packages", `installing ${packagesFor(missing).join(", ")}`, install);
}

async function prepareUser({ report }: PrepareOptions): Promise<void> {
  if ((await findUser()) !== undefined) return report({ step: "user", status: "cached" });
  await reportStep(report, "user", `making the system user ${SYSTEM_USER}`, ensureUser);
}
