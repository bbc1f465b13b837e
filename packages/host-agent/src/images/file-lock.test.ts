import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withFileLock } from "./file-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wrenn-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a file lock", () => {
  it("lets one in at a time and tells the others that they wait", async () => {
    const path = join(folder, "lock");
    let inside = 0;
    let most = 0;
    let waited = false;
    const enter = async (body: () => Promise<void>): Promise<void> => {
      most = Math.max(most, ++inside);
      await body();
      inside--;
    };
    let second = Promise.resolve();
    await withFileLock(path, {}, () =>
      enter(async () => {
        second = withFileLock(path, { onWait: () => (waited = true) }, () => enter(() => Promise.resolve()));
        await expect.poll(() => waited).toBe(true);
      }),
    );
    await second;
    expect(most).toBe(1);
  });

  it("is free again after its body failed", async () => {
    const path = join(folder, "lock");
    await expect(withFileLock(path, {}, () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await withFileLock(path, {}, () => Promise.resolve("in"))).toBe("in");
  });

  it("is free again when its owner was killed", async () => {
    const path = join(folder, "lock");
    const module = new URL("file-lock.ts", import.meta.url).href;
    const program = `import { withFileLock } from ${JSON.stringify(module)};
      await withFileLock(${JSON.stringify(path)}, {}, () => { console.log("in"); return new Promise(() => setInterval(() => {}, 1000)); });`;
    const owner = spawn(process.execPath, ["--input-type=module", "--eval", program]);
    await once(owner.stdout, "data");
    owner.kill("SIGKILL");
    expect(await withFileLock(path, {}, () => Promise.resolve("in"))).toBe("in");
  });

  it("is given up on a signal", async () => {
    const path = join(folder, "lock");
    await withFileLock(path, {}, async () => {
      const abort = new AbortController();
      const waiting = withFileLock(path, { signal: abort.signal, onWait: () => abort.abort() }, () =>
        Promise.resolve(),
      );
      await expect(waiting).rejects.toThrow();
    });
  });
});
