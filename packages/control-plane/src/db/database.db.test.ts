import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "@wrenn/runtime/wait";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane } from "../control-plane.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { Relay } from "../testing/relay.ts";
import { until } from "../testing/until.ts";
import { Claims } from "./claims.ts";
import { Database } from "./database.ts";
import { fromDatabaseError } from "./errors.ts";
import { withQueryLimit } from "./limited-client.ts";

const SHORT_MS = 300;

describe.each(ENGINES)("connections to PostgreSQL $name that are silent", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  /** The server behind TCP, whose connections can be held up. */
  const between = async () => {
    const address = new URL(platform.databaseUrl);
    const folder = address.searchParams.get("host") ?? "";
    const name = readdirSync(folder).find((one) => /^\.s\.PGSQL\.\d+$/.test(one)) ?? "";
    const relay = await Relay.start({ path: join(folder, name) });
    return { relay, url: `postgresql://${address.username}@127.0.0.1:${relay.port}${address.pathname}` };
  };
  const ask = (db: Database) => db.queries.execute(sql`select 1 as one`);
  const refused = (work: Promise<unknown>) =>
    expect(work.catch((error: unknown) => Promise.reject(fromDatabaseError(error)))).rejects.toMatchObject({
      code: "database_unavailable",
    });

  it("cost one query its time, and no other one", async () => {
    const { relay, url } = await between();
    await using _relay = relay;
    await using db = new Database(url, silent);
    await Promise.all(Array.from({ length: 8 }, () => db.queries.execute(sql`select pg_sleep(0.2)`)));
    relay.holdOpen();
    await refused(withQueryLimit(SHORT_MS, () => ask(db)));
    for (let i = 0; i < 8; i++) await withQueryLimit(SHORT_MS * 10, () => ask(db));
  });

  it.each(["within a transaction", "at its end"])("%s never come back to the pool", async (when) => {
    const { relay, url } = await between();
    await using _relay = relay;
    await using db = new Database(url, silent);
    const work = () =>
      db.queries.transaction(async (tx) => {
        await tx.execute(sql`select 1`);
        relay.holdOpen();
        if (when === "within a transaction") await tx.execute(sql`select 2`);
      });
    await refused(withQueryLimit(SHORT_MS, work));
    expect(db.pool.totalCount).toBe(0);
    await ask(db);
  });

  it("are given up by whoever waits behind them with limits of its own", async () => {
    const { relay, url } = await between();
    await using _relay = relay;
    await using db = new Database(url, silent);
    // All connections are taken by those who may take longer; what waits for one of theirs may not.
    const patient = withQueryLimit(60_000, () =>
      Promise.all(Array.from({ length: 16 }, () => db.queries.execute(sql`select pg_sleep(0.5)`))),
    );
    const hasty = withQueryLimit(SHORT_MS, () => db.queries.execute(sql`select pg_sleep(2)`));
    await Promise.all([refused(hasty), patient]);
  });

  it("leave nothing behind in the server that waits for a lock", async () => {
    await using db = new Database(platform.databaseUrl, silent);
    const waiting = async () =>
      (await platform.db.queries.execute(sql`select 1 from pg_stat_activity where query like '%for update nobody%'`))
        .rows.length;
    const wait = () =>
      withQueryLimit(SHORT_MS, () => db.queries.execute(sql`select id from teams for update -- for update nobody`));
    await platform.db.queries.transaction(async (tx) => {
      await tx.execute(sql`select id from teams for update`);
      await Promise.all(Array.from({ length: 8 }, () => refused(wait())));
      await until(async () => (await waiting()) <= 1);
    });
  });

  it("keep no claims from being taken, or from ending", async () => {
    const { relay, url } = await between();
    await using _relay = relay;
    await using db = new Database(url, silent);
    await using others = new Claims(platform.db, silent);
    const ours = new Claims(db, silent);
    const [before, after] = [randomUUID(), randomUUID()];
    await ours.take([before]);
    relay.holdOpen();
    await ours.take([after]);
    await until(async () => (await others.among([before, after])).size === 2);
    relay.hold();
    await ours.close();
  }, 60_000);

  it("hold up no control plane: /ready and requests are refused, and answered again", async () => {
    const { relay, url } = await between();
    await using _relay = relay;
    await using controlPlane = await startControlPlane(
      platform.configOf({ database: { kind: "external", url } }),
      silent,
    );
    const headers = { "x-api-key": platform.key };
    const get = async (path: string) => {
      const { status } = await fetch(`${controlPlane.url}${path}`, { headers, signal: AbortSignal.timeout(30_000) });
      return status;
    };
    const recover = async () => {
      const all = async () => Promise.all([get("/v1/capsules"), get("/v1/capsules"), get("/ready")]);
      const recovered = async () => (await all()).every((status) => status === 200);
      expect(await waitFor(recovered, { timeoutMs: 45_000 })).toBe(true);
    };
    await recover();
    relay.hold();
    // Somebody who asks for a third time waits for the answers to the first two.
    expect(await Promise.all([get("/ready"), get("/ready"), get("/v1/capsules")])).toEqual([503, 503, 503]);
    expect(await get("/ready")).toBe(503);
    relay.release();
    await recover();
    // What the platform does by itself may have taken the connections that requests would have had.
    relay.holdOpen();
    await recover();
    // The end waits for what still runs.
    relay.release();
  }, 120_000);
});
