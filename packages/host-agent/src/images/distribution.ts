/** Which Linux distribution the host is: guest kernel, base image and programs are taken from the same one. */
import { readFileSync } from "node:fs";
import { arch } from "node:process";
import { WrennError } from "@wrenn/protocol/errors";

export interface Distribution {
  /** "debian", "ubuntu", … */
  readonly id: string;
  /** "12", "24.04"; "" for rolling releases */
  readonly version: string;
  /** "bookworm", "noble"; "" where there is none */
  readonly codename: string;
  /** shown to people */
  readonly name: string;
}

/** Reads the text of /etc/os-release. */
export function parseOsRelease(text: string): Distribution {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, value] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? [];
    if (key !== undefined && value !== undefined) fields.set(key, value.replace(/^(["'])(.*)\1$/, "$2"));
  }
  const id = fields.get("ID") ?? "linux";
  return {
    id,
    version: fields.get("VERSION_ID") ?? "",
    codename: fields.get("VERSION_CODENAME") ?? "",
    name: fields.get("PRETTY_NAME") ?? id,
  };
}

export function hostDistribution(): Distribution {
  try {
    return parseOsRelease(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return parseOsRelease("");
  }
}

/** True where packages come from apt and the names of this module's tables are known. */
export function hasKnownPackages(distribution: Distribution): boolean {
  return (distribution.id === "debian" || distribution.id === "ubuntu") && distribution.codename !== "";
}

/** @throws unsupported_platform unless this is Linux on x86-64 */
export function requireSupportedPlatform(): void {
  if (process.platform !== "linux") {
    throw new WrennError("unsupported_platform", `capsules need Linux; this is ${process.platform}`);
  }
  if (arch !== "x64") {
    throw new WrennError(
      "unsupported_platform",
      `capsules need an x86-64 host; this one is ${arch} and has no guest kernel recipe`,
    );
  }
}
