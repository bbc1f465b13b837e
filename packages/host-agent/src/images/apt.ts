/**
 * Packages downloaded and unpacked without being installed, by a private apt configuration in the cache folder: nothing of
 * the system's package state is read but its sources and keys, and nothing of it is changed.
 */
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { CommandError, command } from "@wrenn/runtime/command";
import type { Distribution } from "./distribution.ts";
import { type AptSource, hostSources, renderDeb822 } from "./sources.ts";
import { type Inputs, sha256File } from "./store.ts";

export class PrivateApt {
  readonly #directory: string;
  readonly #sources: readonly AptSource[];
  readonly #signal: AbortSignal | undefined;
  #updated: Promise<void> | undefined;

  private constructor(directory: string, sources: readonly AptSource[], signal: AbortSignal | undefined) {
    this.#directory = directory;
    this.#sources = sources;
    this.#signal = signal;
  }

  /** A configuration named `name` in the cache, over the host's sources and `extra` ones derived from them. */
  static forHost(
    cache: string,
    name: string,
    distribution: Distribution,
    options: { extra?: (sources: readonly AptSource[]) => AptSource[]; signal?: AbortSignal | undefined } = {},
  ): PrivateApt {
    const sources = hostSources(distribution);
    return new PrivateApt(join(cache, "apt", name), [...sources, ...(options.extra?.(sources) ?? [])], options.signal);
  }

  /** Downloads the packages (`name` or `name/suite`) into a folder. Returns the paths of the .deb files, sorted. */
  async download(packages: readonly string[], directory: string): Promise<string[]> {
    await mkdir(directory, { recursive: true });
    await this.#run("apt-get", ["--quiet", "download", ...packages], directory);
    const names = await readdir(directory);
    return names
      .filter((name) => name.endsWith(".deb"))
      .toSorted()
      .map((name) => join(directory, name));
  }

  /** Whether a suite has the package. */
  async offers(name: string, suite: string): Promise<boolean> {
    return (await this.#run("apt-cache", ["madison", name])).includes(` ${suite}/`);
  }

  /** The packages that must be there for this one, alternatives and virtual packages left out. */
  async dependencies(name: string): Promise<string[]> {
    const text = await this.#run("apt-cache", ["depends", "--important", name]);
    return [...text.matchAll(/^\s+(?:Pre)?Depends: ([a-z0-9][^\s<>]*)$/gm)].map((match) => match[1] ?? "");
  }

  async #run(program: string, args: readonly string[], cwd?: string): Promise<string> {
    this.#updated ??= this.#update();
    await this.#updated;
    return this.#apt(program, args, cwd);
  }

  async #update(): Promise<void> {
    await mkdir(join(this.#directory, "lists/partial"), { recursive: true });
    await mkdir(join(this.#directory, "cache/archives/partial"), { recursive: true });
    // A source may carry a password.
    await writeFile(join(this.#directory, "host.sources"), renderDeb822(this.#sources), { mode: 0o600 });
    await chmod(join(this.#directory, "host.sources"), 0o600);
    await this.#apt("apt-get", ["--quiet", "update"]);
  }

  async #apt(program: string, args: readonly string[], cwd?: string): Promise<string> {
    const settings = [
      `Dir::Etc::sourcelist=${this.#directory}/host.sources`,
      "Dir::Etc::sourceparts=/dev/null",
      `Dir::State::lists=${this.#directory}/lists`,
      `Dir::Cache=${this.#directory}/cache`,
      "APT::Sandbox::User=root",
      "Acquire::Languages=none",
      "Acquire::Retries=3",
    ];
    try {
      return await command(program, [...settings.flatMap((setting) => ["-o", setting]), ...args], {
        env: { ...process.env, LC_ALL: "C" },
        ...(cwd === undefined ? {} : { cwd }),
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const said = error.result.stderr.trim().split("\n").slice(-3).join("; ");
      throw new WrennError("setup_failed", `${program} ${args.join(" ")} failed: ${said}`, { cause: error });
    }
  }
}

/**
 * Unpacks packages over each other into a folder, without running anything of them. As in an installed system /bin, /lib
 * and /sbin are those of /usr, wherever a package puts its files.
 */
export async function unpackPackages(packages: readonly string[], target: string): Promise<void> {
  for (const folder of ["bin", "lib", "lib64", "sbin"]) {
    await mkdir(join(target, "usr", folder), { recursive: true });
    await symlink(`usr/${folder}`, join(target, folder));
  }
  const unpack = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --keep-directory-symlink --directory "$2"';
  for (const path of packages) await command("sh", ["-c", unpack, "sh", path, target]);
}

/** What identifies downloaded packages as inputs of an artefact: their names with versions, and their bytes. */
export async function packageInputs(packages: readonly string[]): Promise<Inputs> {
  const hashes = packages.map(async (path) => [`deb ${basename(path)}`, await sha256File(path)] as const);
  return Object.fromEntries(await Promise.all(hashes));
}

/**
 * Network settings of the host's apt, for an apt that runs in another root.
 * They may hold passwords: they must not stay in what is built.
 */
export async function aptNetworkSettings(): Promise<string> {
  const dump = await command("apt-config", ["dump", "Acquire"]);
  return dump
    .split("\n")
    .filter((line) => /^Acquire::(?:https?|ftp)::.*(?:Proxy|Verify|CaInfo|SslCert|SslKey).* "..*";$/.test(line))
    .map((line) => `${line}\n`)
    .join("");
}
