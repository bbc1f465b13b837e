/** Kernel modules: which ones a guest needs, in which order they load, and their plain bytes. */
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { WrennError } from "@wrenn/protocol/errors";
import { command } from "@wrenn/runtime/command";

/** Without these a capsule does not come up; each may be built into the kernel. */
const REQUIRED_MODULES = ["virtio_mmio", "virtio_blk", "virtio_net", "virtio_rng", "ext4", "erofs"];

/** What the required ones ask for by name when they start; modules.dep does not know of it. */
const REQUESTED_MODULES = ["crc32c_generic"];

/** For container engines inside a capsule; for the agent to end the connections that a restore brings along. */
const OPTIONAL_MODULES = ["overlay", "tcp_diag"];

/** "kernel/fs/erofs/erofs.ko.xz" → "erofs"; module names know no difference between - and _. */
export function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/\.ko(?:\.(?:gz|xz|zst))?$/, "").replaceAll("-", "_");
}

/**
 * The files to load for the wanted modules, each after what it depends on, as paths of modules.dep.
 * A required module that is neither there nor in modules.builtin ends in kernel_invalid.
 */
export function loadOrder(modulesDep: string, modulesBuiltin: string): string[] {
  const dependencies = parseModulesDep(modulesDep);
  const paths = new Map([...dependencies.keys()].map((path) => [moduleName(path), path]));
  const builtin = new Set(modulesBuiltin.split("\n").map(moduleName));
  const order: string[] = [];
  const visit = (path: string): void => {
    if (order.includes(path)) return;
    for (const dependency of dependencies.get(path) ?? []) visit(dependency);
    order.push(path);
  };
  for (const name of [...REQUESTED_MODULES, ...REQUIRED_MODULES, ...OPTIONAL_MODULES]) {
    const path = paths.get(name);
    if (path !== undefined) visit(path);
    else if (REQUIRED_MODULES.includes(name) && !builtin.has(name)) {
      throw new WrennError("kernel_invalid", `the guest kernel has no ${name}, neither as a module nor built in`);
    }
  }
  return order;
}

/** The direct and indirect dependencies of each module; depmod lists the one to load first last. */
function parseModulesDep(text: string): Map<string, string[]> {
  const entries = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const names = line.slice(colon + 1).split(" ");
    entries.set(line.slice(0, colon), names.filter((name) => name !== "").toReversed());
  }
  return entries;
}

/** Copies a module to `target`, which ends in .ko, decompressed if the distribution compresses its modules. */
export async function placeModule(source: string, target: string): Promise<void> {
  if (source.endsWith(".xz")) {
    await copyFile(source, `${target}.xz`);
    await command("xz", ["--decompress", `${target}.xz`]);
  } else if (source.endsWith(".zst")) {
    await writeFile(target, zstdDecompressSync(await readFile(source)));
  } else if (source.endsWith(".gz")) {
    await writeFile(target, gunzipSync(await readFile(source)));
  } else {
    await copyFile(source, target);
  }
}
