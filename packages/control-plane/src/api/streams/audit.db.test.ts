import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLogs } from "../../db/schema.ts";
import { ENGINES } from "../../testing/postgres.ts";
import { StreamLab } from "../../testing/stream-lab.ts";
import { until } from "../../testing/until.ts";

describe.each(ENGINES)("what streams leave in the audit log on PostgreSQL $name", (engine) => {
  let lab: StreamLab;

  beforeAll(async () => {
    lab = await StreamLab.start(engine);
  }, 60_000);
  afterAll(() => lab[Symbol.asyncDispose]());

  const entries = async () => {
    const { queries } = lab.platform.db;
    const rows = await queries
      .select()
      .from(auditLogs)
      .where(eq(auditLogs.resourceId, lab.id))
      .orderBy(auditLogs.createdAt);
    return rows.map(({ action, status, metadata }) => ({ action, status, metadata })).slice(1);
  };

  it("is what has begun, and what failed on the way", async () => {
    const stranger = lab.open("/exec/stream", await lab.platform.otherTeam());
    await stranger.send({ type: "start", cmd: "true" });
    await stranger.next("error");
    await stranger.end();

    const client = await lab.shell("exit 0");
    await client.next("exit");
    await until(async () => (await entries()).length > 0);

    await lab.platform.host.kill();
    const late = await lab.shell("true");
    await late.next("error");
    await until(async () => (await entries()).length > 1);
    expect(await entries()).toEqual([
      { action: "exec", status: "success", metadata: null },
      { action: "exec", status: "error", metadata: { code: "host_unavailable" } },
    ]);
  });
});
