/** A file system of its own, for tests that run as root. */
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "@wrenn/runtime/command";

export interface SmallDisk extends AsyncDisposable {
  readonly folder: string;
}

/** Mounts a tmpfs of 64 KiB until it is disposed of. */
export async function mountSmallDisk(): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), "small-disk-"));
  await command("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
  return {
    folder,
    [Symbol.asyncDispose]: async () => {
      await command("umount", [folder]);
      await rmdir(folder);
    },
  };
}
