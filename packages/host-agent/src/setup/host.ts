/** What `setup` does to the host itself, before any artefact is made: programs, the system user, a QEMU that is new enough. */
import { type PrepareOptions, withCacheLock } from "../images/artifacts.ts";
import { hostDistribution, requireSupportedPlatform } from "../images/distribution.ts";
import { reportStep } from "../images/events.ts";
import { installPackages, missingPrograms, packagesFor } from "./packages.ts";
import { type Qemu, prepareQemu } from "./qemu.ts";
import { ensureUser, findUser, SYSTEM_USER } from "./user.ts";

export interface PrepareHostOptions extends PrepareOptions {
  /** path in WRENN_QEMU */
  readonly override?: string | undefined;
}

/** Installs and makes what is missing; does nothing, offline, when all is there. @throws as its parts */
export async function prepareHost(options: PrepareHostOptions): Promise<Qemu> {
  requireSupportedPlatform();
  await preparePackages(options);
  return withCacheLock(options, async () => {
    await prepareUser(options);
    return prepareQemu(options);
  });
}

async function preparePackages({ report, signal }: PrepareHostOptions): Promise<void> {
  const missing = packagesFor(await missingPrograms());
  if (missing.length === 0) return report({ step: "packages", status: "cached" });
  const onOutput = (text: string): void => {
    const message = text.trim().split("\n").at(-1) ?? "";
    if (message !== "") report({ step: "packages", status: "progress", message });
  };
  const install = () => installPackages({ distribution: hostDistribution(), onOutput, signal });
  await reportStep(report, "packages", `installing ${missing.join(", ")}`, install);
}

async function prepareUser({ report }: PrepareHostOptions): Promise<void> {
  if ((await findUser()) !== undefined) return report({ step: "user", status: "cached" });
  await reportStep(report, "user", `making the system user ${SYSTEM_USER}`, ensureUser);
}
