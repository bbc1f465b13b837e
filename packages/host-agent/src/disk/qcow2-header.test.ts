import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { requireOwnData, standsAlone } from "./qcow2-header.ts";

function header({ magic = 0x514649fb, version = 3, features = 0n }): Buffer {
  const bytes = Buffer.alloc(104);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(version, 4);
  bytes.writeBigUInt64BE(features, 72);
  return bytes;
}

it("tells a layer from one whose data lies in a file of somebody else", () => {
  expect(standsAlone(header({}))).toBe(true);
  expect(standsAlone(header({ version: 2, features: 4n }))).toBe(true);
  expect(standsAlone(header({ features: 1n }))).toBe(true);
  expect(standsAlone(header({ features: 4n }))).toBe(false);
  expect(standsAlone(header({ features: 7n }))).toBe(false);
  expect(standsAlone(header({ magic: 0 }))).toBe(false);
  expect(standsAlone(Buffer.alloc(40))).toBe(false);
});

it("refuses a file that is no layer at all", async () => {
  const dir = await mkdtemp(join(tmpdir(), "qcow2-"));
  await writeFile(`${dir}/short`, "QFI");
  await writeFile(`${dir}/good`, header({}));
  await expect(requireOwnData(`${dir}/short`)).rejects.toMatchObject({ code: "snapshot_corrupt" });
  await expect(requireOwnData(`${dir}/good`)).resolves.toBeUndefined();
  await rm(dir, { recursive: true });
});
