import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "@wrenn/runtime/command";
import { afterEach, beforeEach, expect, it } from "vitest";
import { flattenLayers } from "./flatten.ts";
import { OverlayMaker } from "./overlay.ts";

const MB = 1024 * 1024;
const SIZE_MB = 16;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "flatten-"));
  await writeFile(`${dir}/base.raw`, Buffer.alloc(SIZE_MB * MB, "b"));
});
afterEach(() => rm(dir, { recursive: true }));

/** Three layers that each overwrite a part of what lies below, the newest with zeros. */
async function makeLayers() {
  const overlays = new OverlayMaker(`${dir}/empty`, "qemu-img");
  const paths = [1, 2, 3].map((n) => `${dir}/disk-${n}.qcow2`);
  const parts = [
    { at: 1, length: 4, byte: 0x31 },
    { at: 3, length: 4, byte: 0x32 },
    { at: 5, length: 1, byte: 0 },
  ];
  for (const [i, path] of paths.entries()) {
    await overlays.make(path, SIZE_MB, 0);
    const { at, length, byte } = parts[i] ?? { at: 0, length: 0, byte: 0 };
    const chain = json([...paths.slice(0, i + 1).toReversed(), `${dir}/base.raw`]);
    await command("qemu-io", ["-c", `write -P ${byte} ${at}M ${length}M`, chain]);
  }
  return paths;
}

function json(files: readonly string[]): string {
  const node = files.reduceRight<object | undefined>((backing, filename) => {
    const driver = filename.endsWith(".raw") ? "raw" : "qcow2";
    return { driver, file: { driver: "file", filename }, ...(backing === undefined ? {} : { backing }) };
  }, undefined);
  return `json:${JSON.stringify(node)}`;
}

async function content(files: readonly string[]): Promise<Buffer> {
  await command("qemu-img", ["convert", "-O", "raw", json(files), `${dir}/out.raw`]);
  return readFile(`${dir}/out.raw`);
}

const never = new AbortController().signal;

it("makes one layer that reads as all of them did, over the base and over the oldest layer", async () => {
  const [oldest = "", middle = "", newest = ""] = await makeLayers();
  const base = `${dir}/base.raw`;
  const before = await content([newest, middle, oldest, base]);
  const layer = (path: string) => ({ path, format: "qcow2" as const });
  const raw = { path: base, format: "raw" as const };
  const common = { qemuImg: "qemu-img", sizeMb: SIZE_MB, signal: never };

  const all = { layers: [newest, middle, oldest].map(layer), base: [raw], target: `${dir}/all.qcow2` };
  await flattenLayers({ ...common, ...all });
  expect((await content([all.target, base])).equals(before)).toBe(true);

  const upper = { layers: [newest, middle].map(layer), base: [layer(oldest), raw], target: `${dir}/upper.qcow2` };
  await flattenLayers({ ...common, ...upper });
  expect((await content([upper.target, oldest, base])).equals(before)).toBe(true);
  expect((await content([newest, middle, oldest, base])).equals(before), "the layers themselves stay").toBe(true);
});

it("leaves nothing when it is stopped", async () => {
  const [oldest = ""] = await makeLayers();
  const target = `${dir}/out.qcow2`;
  const options = {
    qemuImg: "qemu-img",
    layers: [{ path: oldest, format: "qcow2" as const }],
    base: [{ path: `${dir}/base.raw`, format: "raw" as const }],
    target,
    sizeMb: SIZE_MB,
  };
  await expect(flattenLayers({ ...options, signal: AbortSignal.abort() })).rejects.toThrow();
  expect(existsSync(target)).toBe(false);
});
