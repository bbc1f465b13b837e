/** Base images: a root file system of the host's distribution as a raw, sparse ext4 file, from a recipe folder. */
import { readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@wrenn/protocol/limits";
import { command } from "@wrenn/runtime/command";
import { aptNetworkSettings } from "./apt.ts";
import type { Distribution } from "./distribution.ts";
import { hashRecipe, recipeFile } from "./recipe-files.ts";
import { hostSources, renderDeb822, withoutCredentials } from "./sources.ts";
import { type Artifact, type Recipe, sha256File } from "./store.ts";

export const BASE_IMAGE_FILE = "rootfs.ext4";

/** Raised when this module makes the file system differently. */
const RECIPE_VERSION = "1";

const FILE_SYSTEM_UUID = "5772656e-6e00-4000-8000-626173650000";

/** Documentation and translations: two thirds of the files of a small system. Licences stay. */
const LEFT_OUT = [
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/locale/*",
  "path-include=/usr/share/locale/locale.alias",
];

export interface BaseImageOptions {
  readonly distribution: Distribution;
  readonly signal?: AbortSignal | undefined;
  /** called with lines of what the tools say */
  readonly onOutput?: (text: string) => void;
}

export async function baseImageRecipe(name: string, options: BaseImageOptions): Promise<Recipe> {
  return {
    kind: `base-${name}`,
    title: `base image ${name}`,
    inputs: {
      recipe: RECIPE_VERSION,
      files: await hashRecipe(name),
      release: `${options.distribution.id} ${options.distribution.codename}`,
      sizeMb: String(LIMITS.diskSizeMb.min),
    },
    // Which package versions go in is known when they are in.
    resolve: async (scratch) => {
      await makeTree(name, join(scratch, "tree"), scratch, options);
      return { packages: await sha256File(join(scratch, "tree/var/lib/dpkg/status")) };
    },
    build: (target, scratch) => makeFileSystem(join(scratch, "tree"), join(target, BASE_IMAGE_FILE)),
  };
}

/** Bytes of the disk a capsule sees. */
export async function imageSize(image: Artifact): Promise<number> {
  return (await stat(join(image.path, BASE_IMAGE_FILE))).size;
}

async function makeTree(name: string, tree: string, scratch: string, options: BaseImageOptions): Promise<void> {
  const sources = hostSources(options.distribution);
  const hostFile = join(scratch, "host.sources");
  const guestFile = join(scratch, "guest.sources");
  const settingsFile = join(scratch, "network.conf");
  await writeFile(hostFile, renderDeb822(sources));
  await writeFile(guestFile, renderDeb822(withoutCredentials(sources)));
  await writeFile(settingsFile, await aptNetworkSettings());
  const packages = (await readFile(recipeFile(name, "packages.txt"), "utf8"))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const mmdebstrap = [
    "mmdebstrap",
    "--mode=root",
    "--variant=minbase",
    `--include=${packages.join(",")}`,
    `--aptopt=${settingsFile}`,
    '--aptopt=Acquire::Languages "none"',
    "--aptopt=Acquire::Retries 3",
    ...LEFT_OUT.map((rule) => `--dpkgopt=${rule}`),
    `--customize-hook=${recipeFile(name, "customize.sh")}`,
    options.distribution.codename,
    tree,
    hostFile,
  ];
  await runContained(mmdebstrap, { ...options, env: { ...process.env, LC_ALL: "C", WRENN_GUEST_SOURCES: guestFile } });
}

/**
 * Runs a program in namespaces of its own, which end with this process: what it mounts is never seen by anybody else,
 * so half-made trees can be deleted, and nothing goes on writing into them.
 */
async function runContained(args: readonly string[], options: BaseImageOptions & { env: NodeJS.ProcessEnv }) {
  const contained = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", ...args];
  await command("setpriv", ["--pdeathsig", "KILL", "unshare", ...contained], {
    env: options.env,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.onOutput === undefined ? {} : { onOutput: options.onOutput }),
  });
}

/**
 * The journal is small, because it is part of what the first mount of every template writes, but it is there: a capsule whose
 * VMM was killed has a disk that can be read again. mke2fs knows that a fresh sparse file reads as zeros and marks the
 * inode tables as done, so that no guest starts to zero them in the background.
 */
async function makeFileSystem(tree: string, image: string): Promise<void> {
  await writeFile(image, "");
  await truncate(image, LIMITS.diskSizeMb.min * 1024 * 1024);
  await command(
    "mke2fs",
    [
      "-q",
      ...["-t", "ext4", "-d", tree, "-U", FILE_SYSTEM_UUID, "-J", "size=16", "-m", "0", "-L", "capsule"],
      ...["-E", `hash_seed=${FILE_SYSTEM_UUID},discard`],
      image,
    ],
    { env: { ...process.env, E2FSPROGS_FAKE_TIME: "1" } },
  );
}
