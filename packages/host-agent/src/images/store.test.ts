import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findArtifact, hashInputs, makeArtifact, type Recipe, sweepCache, verifyArtifact } from "./store.ts";

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "wrenn-store-"));
});
afterEach(() => rmSync(cache, { recursive: true }));

function recipe(changes: Partial<Recipe> = {}): Recipe {
  return {
    kind: "thing",
    title: "the thing",
    inputs: { recipe: "1" },
    build: (target) => writeFile(join(target, "file"), "content"),
    ...changes,
  };
}

describe("the hash of inputs", () => {
  it("does not depend on their order, but on every name and value", () => {
    expect(hashInputs({ a: "1", b: "2" })).toBe(hashInputs({ b: "2", a: "1" }));
    const others = [{ a: "2", b: "1" }, { a: "1" }, { a: "12" }, { a1: "2" }, {}];
    expect(new Set([{ a: "1", b: "2" }, ...others].map((inputs) => hashInputs(inputs))).size).toBe(6);
    expect(hashInputs({})).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe("an artefact", () => {
  it("is found again, readable by all and writable by none, with a manifest", async () => {
    const made = await makeArtifact(cache, recipe());
    expect(made.name).toBe(`thing-${hashInputs({ recipe: "1" })}`);
    expect(statSync(join(made.path, "file")).mode & 0o777).toBe(0o444);
    expect(statSync(made.path).mode & 0o777).toBe(0o755);
    const manifest: unknown = JSON.parse(readFileSync(join(made.path, "manifest.json"), "utf8"));
    expect(manifest).toMatchObject({ kind: "thing", inputs: { recipe: "1" }, files: { file: { size: 7 } } });
    expect(await findArtifact(cache, recipe())).toEqual(made);
    await verifyArtifact(made);
  });

  it("is another one for other inputs", async () => {
    await makeArtifact(cache, recipe());
    expect(await findArtifact(cache, recipe({ inputs: { recipe: "2" } }))).toBeUndefined();
  });

  it("leaves nothing behind when its build fails, and is made by the next try", async () => {
    const broken = recipe({ build: () => Promise.reject(new Error("no such package")) });
    await expect(makeArtifact(cache, broken)).rejects.toThrow("no such package");
    expect(readdirSync(cache)).toEqual([]);
    await makeArtifact(cache, recipe());
    expect(await findArtifact(cache, recipe())).toBeDefined();
  });

  it("is found without looking anything up again", async () => {
    let lookups = 0;
    const looking = recipe({
      resolve: () => {
        lookups++;
        return Promise.resolve({ version: "6.1" });
      },
    });
    const made = await makeArtifact(cache, looking);
    expect(made.name).toBe(`thing-${hashInputs({ recipe: "1", version: "6.1" })}`);
    expect(await findArtifact(cache, looking)).toEqual(made);
    expect(lookups).toBe(1);
  });

  it("is kept when another request leads to the same thing", async () => {
    let builds = 0;
    const counting = recipe({
      resolve: () => Promise.resolve({ version: "6.1" }),
      build: (target) => {
        builds++;
        return writeFile(join(target, "file"), "content");
      },
    });
    const first = await makeArtifact(cache, counting);
    rmSync(join(cache, "artifacts.json"));
    expect(await makeArtifact(cache, counting)).toEqual(first);
    expect(builds).toBe(1);
  });
});

describe("a damaged artefact", () => {
  it("is reported with the file that is missing or too short, and can be made anew", async () => {
    const { path } = await makeArtifact(cache, recipe());
    rmSync(join(path, "file"));
    await expect(findArtifact(cache, recipe())).rejects.toThrow(`${path}/file is missing`);
    await makeArtifact(cache, recipe());
    expect(readFileSync(join(path, "file"), "utf8")).toBe("content");
    rmSync(join(path, "file"));
    writeFileSync(join(path, "file"), "con");
    await expect(findArtifact(cache, recipe())).rejects.toMatchObject({
      code: "artifact_corrupt",
      message: `the thing: ${path}/file has 3 bytes instead of 7`,
    });
  });

  it("does not pass verification when a byte has changed", async () => {
    const made = await makeArtifact(cache, recipe());
    rmSync(join(made.path, "file"));
    writeFileSync(join(made.path, "file"), "cOntent");
    await expect(verifyArtifact(made)).rejects.toMatchObject({ code: "artifact_corrupt" });
  });
});

describe("the sweep", () => {
  it("removes half-made folders and nothing else", async () => {
    const { path } = await makeArtifact(cache, recipe());
    mkdirSync(join(cache, ".1a2b3c4d.tmp/tree"), { recursive: true });
    writeFileSync(join(cache, "lock"), "");
    await sweepCache(cache);
    expect(readdirSync(cache).toSorted()).toEqual(["lock", path.slice(cache.length + 1)]);
    expect(existsSync(join(path, "file"))).toBe(true);
  });
});
