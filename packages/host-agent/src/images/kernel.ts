/**
 * The guest kernel: the distribution's own cloud kernel, unpacked and never installed on the host, or one the operator gives.
 * The artefact holds `vmlinuz` and the modules a capsule needs, numbered in the order in which they load.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { command } from "@wrenn/runtime/command";
import { PrivateApt, packageInputs, unpackPackages } from "./apt.ts";
import { BZIMAGE_HEADER_BYTES, checkBzImage } from "./bzimage.ts";
import { type Distribution, hasKnownPackages } from "./distribution.ts";
import { loadOrder, moduleName, placeModule } from "./modules.ts";
import { type Recipe, sha256File } from "./store.ts";

export const KERNEL_FILE = "vmlinuz";
export const MODULES_FOLDER = "modules";

/** Raised when what is taken from a kernel package changes. */
const RECIPE_VERSION = "2";

/** The package that depends on the current kernel for virtual machines. */
const KERNEL_PACKAGE: Record<string, string> = { debian: "linux-image-cloud-amd64", ubuntu: "linux-image-virtual" };

export interface GivenKernel {
  /** a bzImage */
  readonly kernelPath: string;
  /** folder with the kernel's modules and their modules.dep; without it everything must be built in */
  readonly modulesPath?: string | undefined;
}

export interface KernelOptions {
  readonly cache: string;
  readonly distribution: Distribution;
  readonly given?: GivenKernel | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws kernel_invalid for a given kernel that is none; program_missing where no kernel package is known */
export async function kernelRecipe(options: KernelOptions): Promise<Recipe> {
  return options.given === undefined ? packagedKernel(options) : await givenKernel(options.given);
}

/** The release of the kernel in this file. @throws kernel_invalid when it is missing or not a bzImage */
export async function readKernelRelease(path: string): Promise<string> {
  const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    throw new WrennError("kernel_invalid", `the guest kernel ${path} cannot be read (${cause.code})`, { cause });
  });
  try {
    const { size } = await file.stat();
    const header = Buffer.alloc(BZIMAGE_HEADER_BYTES);
    await file.read(header, 0, header.length, 0);
    return checkBzImage(header, size, path);
  } finally {
    await file.close();
  }
}

function packagedKernel({ cache, distribution, signal }: KernelOptions): Recipe {
  const name = KERNEL_PACKAGE[distribution.id];
  if (name === undefined || !hasKnownPackages(distribution)) {
    throw new WrennError(
      "kernel_invalid",
      `no guest kernel package is known for ${distribution.name}: set WRENN_KERNEL to a bzImage and WRENN_KERNEL_MODULES to the folder of its modules`,
    );
  }
  return {
    kind: "kernel",
    title: "guest kernel",
    inputs: { recipe: RECIPE_VERSION, package: name, release: distribution.codename },
    resolve: async (scratch) => {
      const apt = PrivateApt.forHost(cache, "release", distribution, { signal });
      const packages = await apt.download(await kernelPackages(apt, name), join(scratch, "debs"));
      await unpackPackages(packages, join(scratch, "root"));
      return packageInputs(packages);
    },
    build: async (target, scratch) => {
      const root = join(scratch, "root");
      const image = (await readdir(join(root, "boot"))).find((file) => file.startsWith("vmlinuz-"));
      if (image === undefined) throw new WrennError("setup_failed", `${name} holds no boot/vmlinuz-*`);
      const release = await readKernelRelease(join(root, "boot", image));
      await command("depmod", ["--basedir", root, release]);
      await fill(target, join(root, "boot", image), join(root, "lib/modules", release));
    },
  };
}

/** The packages with the image and its modules that a metapackage leads to. */
async function kernelPackages(apt: PrivateApt, name: string): Promise<string[]> {
  const found = new Set<string>();
  const visit = async (from: string): Promise<void> => {
    for (const dependency of await apt.dependencies(from)) {
      if (!/^linux-(?:image|modules)-/.test(dependency) || found.has(dependency)) continue;
      found.add(dependency);
      await visit(dependency);
    }
  };
  await visit(name);
  if (found.size === 0) throw new WrennError("setup_failed", `the package ${name} leads to no kernel image`);
  return [...found];
}

async function givenKernel({ kernelPath, modulesPath }: GivenKernel): Promise<Recipe> {
  await readKernelRelease(kernelPath);
  const modulesDep = modulesPath === undefined ? undefined : await readModulesDep(modulesPath);
  return {
    kind: "kernel",
    title: "guest kernel",
    inputs: {
      recipe: RECIPE_VERSION,
      kernel: await sha256File(kernelPath),
      modules: modulesDep === undefined ? "built in" : createHash("sha256").update(modulesDep).digest("hex"),
    },
    build: (target) => fill(target, kernelPath, modulesPath),
  };
}

async function readModulesDep(modulesPath: string): Promise<string> {
  return readFile(join(modulesPath, "modules.dep"), "utf8").catch((cause: unknown) => {
    throw new WrennError("kernel_invalid", `${modulesPath} has no modules.dep: it is no folder of kernel modules`, {
      cause,
    });
  });
}

async function fill(target: string, image: string, modulesPath: string | undefined): Promise<void> {
  await copyFile(image, join(target, KERNEL_FILE));
  await mkdir(join(target, MODULES_FOLDER));
  if (modulesPath === undefined) return;
  const builtin = await readFile(join(modulesPath, "modules.builtin"), "utf8").catch(() => "");
  const order = loadOrder(await readModulesDep(modulesPath), builtin);
  for (const [index, path] of order.entries()) {
    const name = `${String(index).padStart(2, "0")}-${moduleName(path)}.ko`;
    await placeModule(join(modulesPath, path), join(target, MODULES_FOLDER, name));
  }
}
