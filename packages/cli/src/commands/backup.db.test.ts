import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "@wrenn/control-plane/db/database";
import { migrateDatabase } from "@wrenn/control-plane/db/migrate";
import { ENGINES, freshDatabase, silent, startTestPostgres } from "@wrenn/control-plane/testing/postgres";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "../testing/command.ts";

describe.each(ENGINES)("wrenn backup on PostgreSQL $name", (engine) => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "wrenn-backup-"));
    file = join(folder, "backup");
    vi.stubEnv("DATABASE_URL", "");
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  it("names all files that belong to it", async () => {
    await using server = await startTestPostgres(engine);
    const url = await freshDatabase(server.postgres);
    vi.stubEnv("DATABASE_URL", url);
    vi.stubEnv("WRENN_DIR", folder);
    await using db = new Database(url, silent);
    await migrateDatabase(db);
    const { code, stderr } = await runCommand(["backup", file]);
    expect(code).toBe(0);
    for (const name of ["secrets.json", "authority.json", "api-key", "admin-password"]) {
      expect(stderr).toContain(join(folder, name));
    }
  });

  it("makes no database where there is none", async () => {
    const mistyped = join(folder, "mistyped");
    vi.stubEnv("WRENN_DIR", mistyped);
    expect(await runCommand(["backup", file])).toMatchObject({ code: 1, stderr: expect.stringContaining("WRENN_DIR") });
    expect(existsSync(mistyped)).toBe(false);
  });

  it("asks for DATABASE_URL where the database is elsewhere", async () => {
    const elsewhere = join(folder, "elsewhere");
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, "secrets.json"), "{}");
    vi.stubEnv("WRENN_DIR", elsewhere);
    const { code, stderr } = await runCommand(["backup", file]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("set DATABASE_URL")]);
    expect(await readdir(elsewhere)).toEqual(["secrets.json"]);
  });
});
