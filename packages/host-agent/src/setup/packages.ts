/** The programs of the operating system that Wrenn runs, and the Debian packages that bring them. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { CommandError, command } from "@wrenn/runtime/command";
import { type Distribution, hasKnownPackages } from "../images/distribution.ts";

/** Program → package of Debian and Ubuntu. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  "qemu-system-x86_64": "qemu-system-x86",
  "qemu-img": "qemu-utils",
  mmdebstrap: "mmdebstrap",
  mke2fs: "e2fsprogs",
  "mkfs.erofs": "erofs-utils",
  depmod: "kmod",
  ip: "iproute2",
  tc: "iproute2",
  nft: "nftables",
  patchelf: "patchelf",
  strip: "binutils",
  xz: "xz-utils",
  flock: "util-linux",
  nsenter: "util-linux",
  setpriv: "util-linux",
  unshare: "util-linux",
};

/** Administration programs are not on every PATH. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The path of a program, or undefined. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = new Set([...(process.env["PATH"] ?? "").split(":").filter((path) => path !== ""), ...SYSTEM_FOLDERS]);
  for (const folder of folders) {
    const path = join(folder, name);
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return path;
  }
  return undefined;
}

export async function missingPrograms(): Promise<string[]> {
  const found = await Promise.all(Object.keys(PROGRAMS).map(async (name) => [name, await findProgram(name)] as const));
  return found.filter(([, path]) => path === undefined).map(([name]) => name);
}

/** The packages to install for the programs, each once, sorted. */
export function packagesFor(programs: readonly string[]): string[] {
  return [...new Set(programs.map((name) => PROGRAMS[name] ?? name))].toSorted();
}

export interface InstallOptions {
  readonly distribution: Distribution;
  readonly onOutput: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Installs the packages of missing programs.
 * @throws program_missing naming them where packages cannot be installed; not_root; setup_failed with what apt said
 */
export async function installPackages(missing: readonly string[], options: InstallOptions): Promise<void> {
  const { distribution } = options;
  if (!hasKnownPackages(distribution) || (await findProgram("apt-get")) === undefined) {
    throw new WrennError(
      "program_missing",
      `these programs are not installed: ${missing.join(", ")}. Packages are known for Debian and Ubuntu only, this is ${distribution.name}; ` +
        `there they are called ${packagesFor(missing).join(", ")}. All programs needed: ${Object.keys(PROGRAMS).join(", ")}`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new WrennError("not_root", `installing ${packagesFor(missing).join(", ")} needs root`);
  }
  await aptGet(["update"], options);
  await aptGet(["install", "--yes", "--no-install-recommends", ...packagesFor(missing)], options);
  const still = await missingPrograms();
  if (still.length > 0) {
    throw new WrennError("program_missing", `still missing after their packages were installed: ${still.join(", ")}`);
  }
}

async function aptGet(args: readonly string[], { onOutput, signal }: InstallOptions): Promise<void> {
  try {
    await command("apt-get", ["--quiet", "-o", "DPkg::Lock::Timeout=300", ...args], {
      env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_SUSPEND: "1" },
      onOutput,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const said = error.result.stderr.trim().split("\n").slice(-3).join("; ");
    throw new WrennError("setup_failed", `apt-get ${args.join(" ")} failed: ${said}`, { cause: error });
  }
}
