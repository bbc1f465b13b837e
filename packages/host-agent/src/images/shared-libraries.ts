/** The shared libraries a program needs, as the host's dynamic loader finds them. */
import { WrennError } from "@wrenn/protocol/errors";
import { command } from "@wrenn/runtime/command";

export interface SharedLibraries {
  /** absolute paths, the loader included */
  readonly found: readonly string[];
  /** names the loader does not find */
  readonly missing: readonly string[];
}

/** Reads the output of `ldd`. The kernel's own vdso has no file and is left out. */
export function parseLdd(text: string): SharedLibraries {
  const found = [...text.matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm)].map((match) => match[1] ?? "");
  const missing = [...text.matchAll(/^\s*(\S+) => not found$/gm)].map((match) => match[1] ?? "");
  return { found: [...new Set(found)], missing: [...new Set(missing)] };
}

export async function sharedLibraries(program: string): Promise<SharedLibraries> {
  return parseLdd(await command("ldd", [program]));
}

/** All libraries of all the programs. @throws setup_failed naming what the host lacks */
export async function requireSharedLibraries(programs: readonly string[]): Promise<string[]> {
  const all = new Set<string>();
  for (const program of programs) {
    const { found, missing } = await sharedLibraries(program);
    if (missing.length > 0) {
      throw new WrennError("setup_failed", `${program} needs libraries this host lacks: ${missing.join(", ")}`);
    }
    for (const path of found) all.add(path);
  }
  return [...all].toSorted();
}
