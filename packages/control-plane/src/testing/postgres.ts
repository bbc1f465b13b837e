/** PostgreSQL for tests: a private cluster per test file, on each engine that shall be tested. */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";
import { createLogger } from "@wrenn/runtime/logger";
import { Client } from "pg";
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "../db/embedded.ts";

export interface Engine {
  readonly name: string;
  readonly options: EmbeddedPostgresOptions;
}

const otherBinDir = process.env["WRENN_TEST_PG_BIN"];

/** The embedded PostgreSQL, and the one whose programs lie in the folder WRENN_TEST_PG_BIN. */
export const ENGINES: readonly Engine[] = [
  { name: "embedded", options: {} },
  ...(otherBinDir ? [{ name: otherBinDir, options: { binDir: otherBinDir } }] : []),
];

export const silent = createLogger("test", "silent");

/** State folder of a test; the cache is the box's own, so that the programs are copied once. */
export async function testLayout(): Promise<Layout> {
  const dir = await mkdtemp(join(tmpdir(), "wrenn-test-"));
  await chmod(dir, 0o711);
  return layoutOf(dir, process.env["WRENN_CACHE_DIR"] ?? "/var/cache/wrenn");
}

export async function removeLayout(layout: Layout): Promise<void> {
  await rm(layout.dir, { recursive: true, force: true });
  await rm(layout.run, { recursive: true, force: true });
}

/** A new, empty database of the cluster. Returns its connection string. */
export async function freshDatabase(postgres: EmbeddedPostgres): Promise<string> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const client = new Client({ connectionString: postgres.urlOf("postgres") });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  return postgres.urlOf(name);
}

export interface TestPostgres extends AsyncDisposable {
  readonly layout: Layout;
  readonly postgres: EmbeddedPostgres;
}

export async function startTestPostgres(engine: Engine): Promise<TestPostgres> {
  const layout = await testLayout();
  const postgres = await startEmbeddedPostgres(layout, silent, engine.options);
  return {
    layout,
    postgres,
    [Symbol.asyncDispose]: async () => {
      await postgres.close();
      await removeLayout(layout);
    },
  };
}
