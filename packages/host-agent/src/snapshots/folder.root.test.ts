import { chmod, mkdtemp, open, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { copyFolder, linkFiles, makeFolder, openSnapshot, removeFolder, sealFolder, sweepHalfMade } from "./folder.ts";
import { FILES, layerName, MANIFEST } from "./manifest.ts";

const host = { snapshotFormat: "qemu-1" };

let dir: string;
let folder: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "snapshots-"));
  folder = `${dir}/one`;
  await writeFile(`${dir}/base.raw`, "");
  await writeFile(`${dir}/agent`, "");
  await makeFolder(folder, async (temporary) => {
    const names = [FILES.memory, FILES.state, layerName(1)];
    for (const name of names) await writeFile(`${temporary}/${name}`, name.repeat(1000));
    const newFiles = names.map((name) => ({ name, checksum: true }));
    await sealFolder(temporary, draft(), { newFiles, linked: {} });
  });
});
afterEach(() => rm(dir, { recursive: true }));

function draft() {
  return {
    template: "minimal",
    vcpus: 1,
    memoryMb: 512,
    diskSizeMb: 5120,
    generation: 0,
    ...host,
    kernelVersion: "6.1",
    baseImage: `${dir}/base.raw`,
    agentDisk: `${dir}/agent`,
    memoryId: "0".repeat(32),
    layers: 1,
  };
}

async function flipBit(path: string): Promise<void> {
  await chmod(path, 0o644);
  const file = await open(path, "r+");
  await file.write(Buffer.from([0x00]), 0, 1, 100);
  await file.close();
  // A second later at the least: clocks of file systems may be coarse.
  const { mtimeMs } = await stat(path);
  await utimes(path, mtimeMs / 1000 + 1, mtimeMs / 1000 + 1);
}

async function changeManifest(change: (manifest: Record<string, unknown>) => void): Promise<void> {
  const manifest = JSON.parse(await readFile(`${folder}/${MANIFEST}`, "utf8"));
  change(manifest);
  await chmod(`${folder}/${MANIFEST}`, 0o644);
  await writeFile(`${folder}/${MANIFEST}`, JSON.stringify(manifest));
}

describe("a snapshot folder", () => {
  it("is whole or not there", async () => {
    const failing = makeFolder(`${dir}/two`, async (temporary) => {
      await writeFile(`${temporary}/${FILES.memory}`, "half");
      throw new Error("stop");
    });
    await expect(failing).rejects.toThrow("stop");
    expect((await readdir(dir)).toSorted()).toEqual(["agent", "base.raw", "one"]);
    await writeFile(`${dir}/.two.tmp`, "left by a crash");
    await sweepHalfMade(dir);
    expect((await readdir(dir)).toSorted()).toEqual(["agent", "base.raw", "one"]);
  });

  it("copied, shares its files and outlives the other", async () => {
    const one = await openSnapshot(folder, host);
    await copyFolder(one, `${dir}/two`);
    expect((await stat(`${dir}/two/memory`)).ino).toBe((await stat(one.memory)).ino);
    await removeFolder(folder);
    const two = await openSnapshot(`${dir}/two`, host);
    expect(two.manifest.ownBytes).toBe(0);
    expect(await readFile(two.memory, "utf8")).toBe("memory".repeat(1000));
    expect(two.disks.map((disk) => disk.path)).toEqual([`${dir}/two/disk-1.qcow2`, `${dir}/base.raw`]);
  });

  it("links only what is wanted", async () => {
    const linked = await makeFolder(`${dir}/two`, async (temporary) => {
      const facts = await linkFiles(await openSnapshot(folder, host), temporary, (name) => name === FILES.memory);
      expect(await readdir(temporary)).toEqual([FILES.memory]);
      return facts;
    });
    expect(Object.keys(linked)).toEqual([FILES.memory]);
  });

  it("that was put back from a backup is as good as before", async () => {
    await utimes(`${folder}/memory`, 1, 1);
    expect((await openSnapshot(folder, host)).manifest.template).toBe("minimal");
  });
});

describe("a damaged snapshot is refused, precisely, and left as it is", () => {
  it.each([
    ["truncated", () => truncate(`${folder}/memory`, 10), "snapshot_corrupt", "has 10 bytes instead of 6000"],
    ["missing a file", () => rm(`${folder}/state`), "snapshot_corrupt", "state is missing"],
    ["bit-flipped memory", () => flipBit(`${folder}/memory`), "snapshot_corrupt", "was changed since"],
    ["bit-flipped disk", () => flipBit(`${folder}/disk-1.qcow2`), "snapshot_corrupt", "was changed since"],
    ["no JSON", () => writeFile(`${folder}/${MANIFEST}`, "{"), "snapshot_corrupt", "no valid manifest"],
    ["incomplete", () => changeManifest((m) => delete m["layers"]), "snapshot_corrupt", "no valid manifest"],
    ["newer", () => changeManifest((m) => (m["version"] = 2)), "snapshot_incompatible", "has format 2"],
    ["of another VMM", () => changeManifest((m) => (m["snapshotFormat"] = "q9")), "snapshot_incompatible", '"q9"'],
    ["without its base", () => rm(`${dir}/base.raw`), "snapshot_incompatible", "the base image"],
    ["without its agent", () => rm(`${dir}/agent`), "snapshot_incompatible", "the agent disk"],
    ["not there", () => removeFolder(folder), "snapshot_missing", "no snapshot"],
  ])("%s", async (_name, damage, code, message) => {
    await damage();
    const before = new Set(await readdir(folder).catch(() => []));
    await expect(openSnapshot(folder, host)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(new Set(await readdir(folder).catch(() => []))).toEqual(before);
  });
});
