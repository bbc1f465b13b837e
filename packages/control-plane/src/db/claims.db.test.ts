import { randomUUID } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENGINES, freshDatabase, silent, startTestPostgres, type TestPostgres } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { Claims } from "./claims.ts";
import { Database } from "./database.ts";

describe.each(ENGINES)("claims on PostgreSQL $name", (engine) => {
  let server: TestPostgres;
  let db: Database;
  let ours: Claims;
  let theirs: Claims;

  beforeAll(async () => {
    server = await startTestPostgres(engine);
    db = new Database(await freshDatabase(server.postgres), silent);
    [ours, theirs] = [new Claims(db, silent), new Claims(db, silent)];
  }, 60_000);
  afterAll(async () => {
    await Promise.all([ours.close(), theirs.close()]);
    await db.close();
    await server[Symbol.asyncDispose]();
  });

  const released = (id: string) => until(async () => (await theirs.among([id])).size === 0);

  const breakConnections = () =>
    db.queries.execute(sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wrenn-claims'`);

  it("are seen by others until the last who works on it has ended", async () => {
    const [one, two, other] = [randomUUID(), "ffffffff-ffff-4fff-bfff-ffffffffffff", randomUUID()];
    await Promise.all([ours.take([one, two]), ours.take([one])]);
    expect(await theirs.among([one, two, other])).toEqual(new Set([one, two]));
    await theirs.take([one]);
    await ours.release([one, two]);
    await released(two);
    await ours.release([one]);
    await theirs.release([one]);
    await released(one);
  });

  it("are taken while the connection breaks", async () => {
    const kept = randomUUID();
    await ours.take([kept]);
    for (let round = 0; round < 10; round++) {
      let broken = false;
      const breaking = breakConnections().finally(() => {
        broken = true;
      });
      for (let more = 3; more > 0; more -= Number(broken)) {
        const id = randomUUID();
        await ours.take([id]);
        await until(async () => (await theirs.among([id, kept])).size === 2);
        await ours.release([id]);
      }
      await breaking;
    }
    await ours.release([kept]);
  });

  it("are taken again after the connection broke, and end with their process", async () => {
    const id = randomUUID();
    await ours.take([id]);
    await breakConnections();
    await until(async () => (await theirs.among([id])).size === 1);
    await ours.release([id]);
    await released(id);
    await theirs.take([id]);
    await theirs.close();
    await until(async () => (await ours.among([id])).size === 0);
  });
});
