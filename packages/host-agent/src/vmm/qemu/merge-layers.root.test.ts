import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "@wrenn/runtime/command";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OverlayMaker } from "../../disk/overlay.ts";
import { mergeLayers } from "./merge-layers.ts";

const MB = 1024 * 1024;
const SIZE_MB = 16;
const QEMU = "qemu-system-x86_64";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "flatten-"));
  await writeFile(`${dir}/base.raw`, Buffer.alloc(SIZE_MB * MB, "b"));
});
afterEach(() => rm(dir, { recursive: true }));

/** Three layers that each overwrite a part of what lies below, the newest with zeros. */
async function makeLayers() {
  const paths = await Promise.all([1, 2, 3].map((n) => emptyLayer(`disk-${n}`)));
  const parts = [
    { at: 1, length: 4, byte: 0x31 },
    { at: 3, length: 4, byte: 0x32 },
    { at: 5, length: 1, byte: 0 },
  ];
  for (const i of paths.keys()) {
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

async function emptyLayer(name: string): Promise<string> {
  const path = `${dir}/${name}.qcow2`;
  await new OverlayMaker(`${dir}/empty`, "qemu-img").make(path, SIZE_MB, 0);
  return path;
}

function layer(path: string) {
  return { path, format: "qcow2" as const };
}

it("makes one layer that reads as all of them did, over the base and over the oldest layer", async () => {
  const [oldest = "", middle = "", newest = ""] = await makeLayers();
  const base = `${dir}/base.raw`;
  const before = await content([newest, middle, oldest, base]);
  const raw = { path: base, format: "raw" as const };

  const all = { layers: [newest, middle, oldest].map(layer), base: [raw], target: await emptyLayer("all") };
  await mergeLayers(QEMU, all, never);
  expect((await content([all.target, base])).equals(before)).toBe(true);

  const upper = { layers: [newest, middle].map(layer), base: [layer(oldest), raw], target: await emptyLayer("upper") };
  await mergeLayers(QEMU, upper, never);
  expect((await content([upper.target, oldest, base])).equals(before)).toBe(true);
  expect((await content([newest, middle, oldest, base])).equals(before), "the layers themselves stay").toBe(true);
});

it("makes one layer out of many with long names", async () => {
  const folder = `${dir}/${"long-".repeat(20)}`;
  await mkdir(folder);
  const base = `${folder}/base.raw`;
  await copyFile(`${dir}/base.raw`, base);
  const files = [base];
  for (let n = 0; n < 40; n++) {
    files.unshift(await emptyLayer(`${"long-".repeat(20)}/disk-${n}`));
    await command("qemu-io", ["-c", `write -P ${n + 1} ${n * 128}k 64k`, json(files)]);
  }
  const before = await content(files);
  const layers = files.slice(0, -1).map(layer);
  const target = await emptyLayer("all");
  await mergeLayers(QEMU, { layers, base: [{ path: base, format: "raw" }], target }, never);
  expect((await content([target, base])).equals(before)).toBe(true);
  expect(await command("qemu-img", ["info", target]), "it names nothing that it stands on").not.toContain("backing");
});

describe("layers that cannot be made one", () => {
  const base = () => [{ path: `${dir}/base.raw`, format: "raw" as const }];

  it("is told to stop before and meanwhile", async () => {
    const layers = (await makeLayers()).toReversed().map(layer);
    const target = await emptyLayer("out");
    const merge = (signal: AbortSignal) => mergeLayers(QEMU, { layers, base: base(), target }, signal);
    await expect(merge(AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    const abort = new AbortController();
    const stopped = merge(abort.signal);
    setTimeout(() => abort.abort(), 20);
    await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
  });

  it("says what is wrong with a broken one", async () => {
    const [oldest = ""] = await makeLayers();
    // The offset of its first table, which has to be that of a cluster.
    const file = await open(oldest, "r+");
    await file.write(Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]), 0, 8, 40);
    await file.close();
    const merge = mergeLayers(QEMU, { layers: [layer(oldest)], base: base(), target: await emptyLayer("out") }, never);
    await expect(merge).rejects.toThrow(/L1 table/i);
  });

  it("opens no file that a layer names", async () => {
    const other = `${dir}/other.qcow2`;
    await command("qemu-img", ["create", "-q", "-f", "qcow2", "-o", `data_file=${dir}/data.raw`, other, `${SIZE_MB}M`]);
    const merge = mergeLayers(QEMU, { layers: [layer(other)], base: base(), target: await emptyLayer("out") }, never);
    await expect(merge).rejects.toMatchObject({ code: "snapshot_corrupt" });
  });
});
