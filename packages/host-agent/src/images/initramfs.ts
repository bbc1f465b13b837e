/** The initial root file system of every capsule: busybox, the kernel modules in load order, and `images/initramfs/init`. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CHARACTER_DEVICE, type CpioEntry, DIRECTORY, PLAIN_FILE, PROGRAM, writeCpio } from "./cpio.ts";
import { MODULES_FOLDER } from "./kernel.ts";
import { hashRecipe, recipeFile } from "./recipe-files.ts";
import type { Artifact, Recipe } from "./store.ts";

export const INITRAMFS_FILE = "initramfs.cpio.gz";

/** Raised when this module puts other things into the archive. */
const RECIPE_VERSION = "1";

export async function initramfsRecipe(kernel: Artifact, tools: Artifact): Promise<Recipe> {
  return {
    kind: "initramfs",
    title: "initramfs",
    inputs: {
      recipe: RECIPE_VERSION,
      files: await hashRecipe("initramfs"),
      kernel: kernel.name,
      tools: tools.name,
    },
    build: async (target) => {
      const archive = writeCpio(await archiveEntries(kernel, tools));
      await writeFile(join(target, INITRAMFS_FILE), gzipSync(archive, { level: 9 }));
    },
  };
}

async function archiveEntries(kernel: Artifact, tools: Artifact): Promise<CpioEntry[]> {
  const folders = ["bin", "dev", "modules", "newroot", "proc", "sys"];
  const modules = join(kernel.path, MODULES_FOLDER);
  const moduleEntries = (await readdir(modules)).map(async (name) => ({
    path: `modules/${name}`,
    mode: PLAIN_FILE,
    content: await readFile(join(modules, name)),
  }));
  return [
    ...folders.map((path) => ({ path, mode: DIRECTORY })),
    // The kernel opens it for process 1 before /dev is mounted; without it nothing that fails could say so.
    { path: "dev/console", mode: CHARACTER_DEVICE, device: [5, 1] },
    { path: "bin/busybox", mode: PROGRAM, content: await readFile(join(tools.path, "busybox")) },
    { path: "init", mode: PROGRAM, content: await readFile(recipeFile("initramfs", "init")) },
    ...(await Promise.all(moduleEntries)),
  ];
}
