/** The file that a backup is written to: it is replaced when the backup is whole, so it must be one that may be replaced. */
import { readlink, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";

/** The path of the file itself, which may not be there yet: links to it stay links. @throws invalid_request */
export async function targetOf(file: string): Promise<string> {
  try {
    // Not of where links lead by name: a pipe that is named /dev/stdout has none.
    const found = await stat(resolve(file)).catch(unlessMissing);
    if (found?.isFile() === false) {
      const what = found.isDirectory() ? "a folder" : "no ordinary file";
      throw new WrennError("invalid_request", `"${file}" is ${what}: name the file that the backup shall be`);
    }
    return await followed(resolve(file));
  } catch (error) {
    throw asUnwritable(error, file);
  }
}

/** What the system says to a file that cannot be made, in the words of whoever named it; anything else as it is. */
export function asUnwritable(error: unknown, file: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new WrennError("invalid_request", `there is no room for the backup where "${file}" is`, { cause: error });
  // Not of the connection to the database.
  if (code === undefined || path === undefined) return error;
  if (code === "ENOENT")
    return new WrennError("invalid_request", `there is no folder "${dirname(resolve(file))}"`, { cause: error });
  return new WrennError("invalid_request", `"${file}" cannot be written (${code})`, { cause: error });
}

async function followed(path: string): Promise<string> {
  const real = await realpath(path).catch(unlessMissing);
  if (real !== undefined) return real;
  // A link to what is not there yet, or nothing at all.
  const link = await readlink(path).catch(unlessMissing);
  if (link !== undefined) return await followed(resolve(dirname(path), link));
  return join(await realpath(dirname(path)), basename(path));
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
