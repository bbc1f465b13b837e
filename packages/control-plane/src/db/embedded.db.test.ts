import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { identify, isAlive } from "@wrenn/runtime/process-identity";
import { getTableName, is, sql } from "drizzle-orm";
import { PgTable } from "drizzle-orm/pg-core";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES, freshDatabase, removeLayout, silent, startTestPostgres, testLayout } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { Database } from "./database.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded.ts";
import { fromDatabaseError } from "./errors.ts";
import { migrateDatabase } from "./migrate.ts";
import * as schema from "./schema.ts";

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const answers = (url: string) => query(url, "SELECT 1").then(Boolean, () => false);

function lives(pid: number | undefined): boolean {
  const identity = identify(pid ?? 0);
  return identity !== undefined && isAlive(identity);
}

describe.each(ENGINES)("the embedded PostgreSQL $name", (engine) => {
  it("runs without network, as its own user, in its own session, until it is closed", async () => {
    await using server = await startTestPostgres(engine);
    const { postgres, layout } = server;
    const [settings] = await query(
      postgres.url,
      "SELECT current_setting('listen_addresses') AS tcp, current_setting('fsync') AS fsync, current_database() AS db",
    );
    expect(settings).toEqual({ tcp: "", fsync: "on", db: "wrenn" });
    const { uid } = await stat(layout.postgres);
    expect(uid).not.toBe(0);
    expect((await stat(layout.postgres)).mode & 0o777).toBe(0o700);
    expect((await stat(join(layout.run, "pg"))).mode & 0o777).toBe(0o700);
    const fields = readFileSync(`/proc/${postgres.pid}/stat`, "utf8").split(") ")[1]?.split(" ");
    expect(Number(fields?.[3])).toBe(postgres.pid);
    expect(readFileSync(`/proc/${postgres.pid}/status`, "utf8")).toMatch(new RegExp(`^Uid:\\s+${uid}\\s`, "m"));
    const { pid } = postgres;
    await postgres.close();
    expect(lives(pid)).toBe(false);
  });

  it("is attached to by a second process and stopped by its owner", async () => {
    await using server = await startTestPostgres(engine);
    const second = await startEmbeddedPostgres(server.layout, silent, engine.options);
    expect(second.pid).toBe(server.postgres.pid);
    await second.close();
    expect(await answers(server.postgres.url)).toBe(true);
    await server.postgres.close();
    expect(await answers(server.postgres.url)).toBe(false);
  });

  it("comes back after kill -9 with everything that was committed, and data survives a restart", async () => {
    await using server = await startTestPostgres(engine);
    const { postgres, layout } = server;
    await query(postgres.url, "CREATE TABLE kept (n int)");
    await query(postgres.url, "INSERT INTO kept VALUES (1)");
    const killed = postgres.pid ?? 0;
    process.kill(killed, "SIGKILL");
    await until(async () => postgres.pid !== killed && (await answers(postgres.url)));
    expect(await query(postgres.url, "SELECT n FROM kept")).toEqual([{ n: 1 }]);
    await postgres.close();
    await using again = await startEmbeddedPostgres(layout, silent, engine.options);
    expect(await query(again.url, "SELECT n FROM kept")).toEqual([{ n: 1 }]);
  });

  it("starts over a lock file whose pid now belongs to something else", async () => {
    await using server = await startTestPostgres(engine);
    const { postgres, layout } = server;
    await postgres.close();
    const { uid, gid } = await stat(layout.postgres);
    const stranger = spawn("sleep", ["600"], { uid, gid });
    await writeFile(join(layout.postgres, "postmaster.pid"), `${stranger.pid}\n${layout.postgres}\n0\n5432\n`);
    await using again = await startEmbeddedPostgres(layout, silent, engine.options);
    expect(await answers(again.url)).toBe(true);
    stranger.kill();
  });

  it("refuses a cluster of another version, and a folder of something else", async () => {
    const layout = await testLayout();
    await mkdir(layout.postgres);
    await writeFile(join(layout.postgres, "PG_VERSION"), "9\n");
    await expect(startEmbeddedPostgres(layout, silent, engine.options)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("was made by PostgreSQL 9"),
    });
    await removeLayout(layout);
    await mkdir(layout.postgres, { recursive: true });
    await writeFile(join(layout.postgres, "precious"), "");
    await expect(startEmbeddedPostgres(layout, silent, engine.options)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("holds files but no PostgreSQL cluster"),
    });
    expect(existsSync(join(layout.postgres, "precious"))).toBe(true);
    await removeLayout(layout);
  });
});

describe.each(ENGINES)("migrations on PostgreSQL $name", (engine) => {
  it("are applied once by replicas that start together", async () => {
    await using server = await startTestPostgres(engine);
    const url = await freshDatabase(server.postgres);
    const replicas = [1, 2, 3].map(() => new Database(url, silent));
    await Promise.all(replicas.map((replica) => migrateDatabase(replica)));
    for (const replica of replicas) await migrateDatabase(replica);
    const tables = await query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
    const named = Object.values(schema).filter((value) => is(value, PgTable));
    expect(tables.map(({ tablename }) => tablename)).toEqual(named.map(getTableName).toSorted());
    await Promise.all(replicas.map((replica) => replica.close()));
  });

  it("keep the capsules of the version before", async () => {
    await using server = await startTestPostgres(engine);
    const url = await freshDatabase(server.postgres);
    const apply = (name: string) =>
      query(url, readFileSync(new URL(`migrations/${name}.sql`, import.meta.url), "utf8"));
    const id = "00000000-0000-4000-8000-000000000001";
    const address = "unix:/run/wrenn/0123456789/host-agent.sock";
    await apply("0000_first");
    await query(url, `INSERT INTO teams (id, name, slug) VALUES ('${id}', 'Team', 'team')`);
    await query(url, `INSERT INTO hosts (id, address) VALUES ('${id}', '${address}')`);
    await query(
      url,
      `INSERT INTO capsules (id, team_id, host_id, state, template, vcpus, memory_mb, timeout_sec)
       VALUES ('${id}', '${id}', '${id}', 'running', 'python', 1, 512, 0)`,
    );
    await apply("0001_snapshots");
    const columns = "template, base_template, disk_size_mb, auto_resume, snapshot_id";
    expect(await query(url, `SELECT ${columns} FROM capsules`)).toEqual([
      { template: "python", base_template: "python", disk_size_mb: 5120, auto_resume: false, snapshot_id: null },
    ]);
    await query(url, "UPDATE hosts SET status = 'online'");
    for (const name of ["0002_teams", "0003_audit_append_only", "0004_capsule_spans", "0006_local_host"]) {
      await apply(name);
    }
    // The host of the box enrols anew, as the same host.
    expect(await query(url, "SELECT local_instance, address, status FROM hosts")).toEqual([
      { local_instance: "0123456789", address: null, status: "unreachable" },
    ]);
  });
});

describe.each(ENGINES)("the API while PostgreSQL $name is away", (engine) => {
  let platform: TestPlatform;
  let postgres: EmbeddedPostgres;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    postgres = platform.server.postgres;
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  it("answers 503 and recovers by itself", async () => {
    const { id } = await platform.createCapsule();
    await postgres.close();
    const refused = await platform.request("GET", "/v1/capsules");
    expect(refused).toMatchObject({ status: 503, body: { error: { code: "database_unavailable" } } });
    expect(refused.headers.get("retry-after")).toBe("1");
    expect((await platform.post("/v1/capsules", {})).status).toBe(503);
    expect((await fetch(`${platform.url}/health`)).status).toBe(200);
    await using _again = await startEmbeddedPostgres(platform.server.layout, silent, engine.options);
    await platform.retry(() => platform.request("GET", "/v1/capsules"), 200);
    expect((await platform.getCapsule(id)).status).toBe("running");
    const next = await platform.retry(() => platform.post<{ id: string }>("/v1/capsules", {}), 201);
    for (const capsule of [id, next.body.id]) {
      expect((await platform.request("DELETE", `/v1/capsules/${capsule}`)).status).toBe(204);
    }
  });

  it("survives kill -9 of its server, and of one session in the middle of a transaction", async () => {
    await using again = await startEmbeddedPostgres(platform.server.layout, silent, engine.options);
    const ask = sql`SELECT pg_backend_pid() AS pid`;
    const cut = platform.db.queries.transaction(async (tx) => {
      const [{ pid } = { pid: Number.NaN }] = (await tx.execute<{ pid: number }>(ask)).rows;
      process.kill(pid, "SIGKILL");
      // Nobody waits for an answer when the connection breaks.
      await until(() => !lives(pid));
      await tx.execute(ask);
    });
    expect(fromDatabaseError(await cut.catch((error: unknown) => error))).toMatchObject({
      code: "database_unavailable",
    });
    const created = await platform.retry(() => platform.post<{ id: string }>("/v1/capsules", {}), 201);
    const killed = again.pid ?? 0;
    process.kill(killed, "SIGKILL");
    await until(() => again.pid !== killed);
    const found = await platform.retry(() => platform.request("GET", `/v1/capsules/${created.body.id}`), 200);
    expect(found.body).toMatchObject({ status: "running" });
    await platform.stopControlPlane();
  });
});
