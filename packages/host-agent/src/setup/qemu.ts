/**
 * Which QEMU runs capsules: one given by WRENN_QEMU, the distribution's if it is new enough, else a newer one from the
 * distribution's backports, unpacked into the cache beside the installed one.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import { command } from "@wrenn/runtime/command";
import { PrivateApt, packageInputs, unpackPackages } from "../images/apt.ts";
import { getOrMake, type PrepareOptions } from "../images/artifacts.ts";
import { type Distribution, hostDistribution } from "../images/distribution.ts";
import { requireSharedLibraries } from "../images/shared-libraries.ts";
import { backportsSource } from "../images/sources.ts";
import { findArtifact, type Recipe } from "../images/store.ts";
import { findProgram } from "./packages.ts";

export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
}

export interface Qemu {
  /** path of qemu-system-x86_64 */
  readonly binary: string;
  /** path of the qemu-img of the same version */
  readonly img: string;
  /** arguments every start needs first: the firmware and where it lies */
  readonly args: readonly string[];
  readonly version: QemuVersion;
  readonly source: "given" | "system" | "backports";
}

/** From this version on a template's memory can be mapped read-only. */
export const WANTED_QEMU: QemuVersion = { major: 8, minor: 2, micro: 0 };

const BACKPORTED = ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "qemu-utils"];

/**
 * The firmware of microVMs. SeaBIOS, the default, has QEMU 10 corrupt the initramfs of a guest with exactly 2048 MiB;
 * qboot does not, and does less.
 */
const FIRMWARE = "qboot.rom";

/** Where distributions put the firmware of an installed QEMU. */
const FIRMWARE_FOLDERS = ["/usr/share/qemu", "/usr/local/share/qemu", "/usr/share/qboot"];

/** In the artefact when the backports have no QEMU, so that the question is not asked again. */
const UNAVAILABLE_FILE = "unavailable";

/** Reads the first line of `qemu-system-x86_64 --version`. */
export function parseQemuVersion(text: string): QemuVersion | undefined {
  const match = /^QEMU emulator version (\d+)\.(\d+)\.(\d+)/m.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]), micro: Number(match[3]) };
}

export function isWanted({ major, minor }: QemuVersion): boolean {
  return major > WANTED_QEMU.major || (major === WANTED_QEMU.major && minor >= WANTED_QEMU.minor);
}

export function formatVersion({ major, minor, micro }: QemuVersion): string {
  return `${major}.${minor}.${micro}`;
}

/** `override` is the path in WRENN_QEMU. @throws program_missing when there is none, or it does not start */
export async function findQemu(options: { cache: string; override?: string | undefined }): Promise<Qemu> {
  const { cache, override } = options;
  if (override !== undefined) {
    const beside = join(dirname(override), "qemu-img");
    const img = existsSync(beside) ? beside : await findProgram("qemu-img");
    if (img === undefined) throw new WrennError("program_missing", `no qemu-img beside ${override} nor on the PATH`);
    return {
      binary: override,
      img,
      args: firmwareArgs([join(dirname(override), "../share/qemu"), ...FIRMWARE_FOLDERS]),
      version: await versionOf(override),
      source: "given",
    };
  }
  const system = await findSystemQemu();
  if (system !== undefined && isWanted(system.version)) return system;
  const backported = await findBackportedQemu(cache);
  const found = backported ?? system;
  if (found === undefined) throw new WrennError("program_missing", 'the program "qemu-system-x86_64" is not installed');
  return found;
}

/** Fetches a newer QEMU if the installed one is too old and the distribution has one. @throws as `findQemu` */
export async function prepareQemu(options: PrepareOptions & { override?: string | undefined }): Promise<Qemu> {
  const { cache, override, report, signal } = options;
  const before = await findQemu({ cache, override });
  if (before.source === "given" || isWanted(before.version)) return before;
  try {
    await getOrMake(backportsRecipe(cache, hostDistribution(), signal), options);
  } catch (error) {
    signal?.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    report({ step: "qemu", status: "progress", message: `no newer QEMU from backports: ${reason}` });
  }
  return findQemu({ cache, override });
}

/** The first folder that has it; with none of them QEMU's default must do. */
function firmwareArgs(folders: readonly string[]): string[] {
  const path = folders.map((folder) => join(folder, FIRMWARE)).find((candidate) => existsSync(candidate));
  return path === undefined ? [] : ["-bios", path];
}

async function versionOf(binary: string): Promise<QemuVersion> {
  const text = await command(binary, ["--version"]).catch((cause: unknown) => {
    const reason = hasCode(cause, "program_missing") ? "it does not exist" : String(cause);
    throw new WrennError("program_missing", `${binary} does not start: ${reason}`, { cause });
  });
  const version = parseQemuVersion(text);
  if (version === undefined) throw new WrennError("program_missing", `${binary} is no QEMU: it has no version`);
  return version;
}

async function findSystemQemu(): Promise<Qemu | undefined> {
  const binary = await findProgram("qemu-system-x86_64");
  const img = await findProgram("qemu-img");
  if (binary === undefined || img === undefined) return undefined;
  return { binary, img, args: firmwareArgs(FIRMWARE_FOLDERS), version: await versionOf(binary), source: "system" };
}

async function findBackportedQemu(cache: string): Promise<Qemu | undefined> {
  const artifact = await findArtifact(cache, backportsRecipe(cache, hostDistribution())).catch(() => undefined);
  if (artifact === undefined || UNAVAILABLE_FILE in artifact.files) return undefined;
  const usr = join(artifact.path, "usr");
  const binary = join(usr, "bin/qemu-system-x86_64");
  return {
    binary,
    img: join(usr, "bin/qemu-img"),
    args: ["-L", join(usr, "share/qemu"), ...firmwareArgs([join(usr, "share/qemu")])],
    version: await versionOf(binary),
    source: "backports",
  };
}

function backportsRecipe(cache: string, distribution: Distribution, signal?: AbortSignal): Recipe {
  const suite = `${distribution.codename}-backports`;
  return {
    kind: "qemu",
    title: "QEMU from backports",
    inputs: { suite, packages: BACKPORTED.join(" ") },
    resolve: async (scratch) => {
      const apt = PrivateApt.forHost(cache, "backports", distribution, {
        signal,
        extra: (sources) => [backportsSource(sources, distribution.codename)].filter((source) => source !== undefined),
      });
      if (!(await apt.offers("qemu-system-x86", suite))) return { available: "no" };
      const names = BACKPORTED.map((name) => `${name}/${suite}`);
      const packages = await apt.download(names, join(scratch, "debs"));
      await unpackPackages(packages, join(scratch, "root"));
      return packageInputs(packages);
    },
    build: async (target, scratch) => {
      const root = join(scratch, "root");
      if (!existsSync(root)) return writeFile(join(target, UNAVAILABLE_FILE), `${suite} has no qemu-system-x86\n`);
      await copyQemu(join(root, "usr"), join(target, "usr"));
      const programs = ["qemu-system-x86_64", "qemu-img"].map((name) => join(target, "usr/bin", name));
      // Its libraries are those of the installed packages, which `setup` has installed first.
      await requireSharedLibraries(programs);
    },
  };
}

async function copyQemu(from: string, to: string): Promise<void> {
  const parts = [
    "bin/qemu-system-x86_64",
    "bin/qemu-system-x86_64-microvm",
    "bin/qemu-img",
    "lib/x86_64-linux-gnu/qemu",
    "share/qemu",
  ];
  for (const part of parts) {
    if (!existsSync(join(from, part))) continue;
    await mkdir(dirname(join(to, part)), { recursive: true });
    await cp(join(from, part), join(to, part), { recursive: true, verbatimSymlinks: true });
  }
}
