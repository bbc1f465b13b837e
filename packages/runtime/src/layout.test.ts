import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { layoutOf } from "./layout.ts";

it("is the same instance by whatever name the folder is called, before and after it exists", async () => {
  const dir = await mkdtemp(join(tmpdir(), "layout-"));
  try {
    await symlink(dir, `${dir}-link`);
    for (const below of ["", "/not/there/yet"]) {
      const names = [`${dir}${below}`, `${dir}-link${below}`, `${dir}/x/..${below}/`];
      expect(new Set(names.map((name) => layoutOf(name, "/cache").instance)).size).toBe(1);
    }
  } finally {
    await rm(`${dir}-link`);
    await rm(dir, { recursive: true });
  }
});

it("keeps sockets short, however long the folder's name is", () => {
  const { run } = layoutOf(`/${"long/".repeat(100)}`, "/cache");
  expect(`${run}/cl-${"0".repeat(25)}/qmp.sock`.length).toBeLessThan(108);
});
