import { idFromUuid } from "@wrenn/protocol/ids";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { Quotas } from "@wrenn/protocol/rest/usage";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { teams } from "../db/schema.ts";
import { type Failure, TestPlatform, type TestUser } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";

const NO_LIMITS = { maxCapsules: null, maxVcpus: null, maxMemoryMb: null, maxDiskMb: null, maxSnapshots: null };

describe.each(ENGINES)("quotas on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let teamId: string;
  let user: TestUser;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    teamId = (await platform.rowOf((await platform.createCapsule()).id)).teamId;
    user = await platform.signIn({ teamId, role: "member" });
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  beforeEach(() => platform.clear());
  afterEach(() => limit(NO_LIMITS));

  async function limit(limits: Partial<typeof teams.$inferInsert>): Promise<void> {
    await platform.db.queries.update(teams).set(limits).where(eq(teams.id, teamId));
  }

  const create = (body: object = {}) => platform.post<Capsule & Failure>("/v1/capsules", body);

  const quotas = async (of = teamId, headers: Record<string, string> = user.headers) =>
    platform.request<Quotas & Failure>("GET", `/v1/teams/${idFromUuid("team", of)}/quotas`, { headers });

  it("lets twenty creates at once make five capsules where five are allowed", async () => {
    await limit({ maxCapsules: 5 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => create()));
    const refused = answers.filter(({ status }) => status !== 201);
    expect(await platform.listCapsules()).toHaveLength(5);
    expect(refused).toHaveLength(15);
    for (const { status, body } of refused) {
      expect([status, body.error]).toEqual([
        403,
        {
          code: "quota_exceeded",
          message: "the team may have 5 capsules: 5 are in use, and 1 more were asked for",
        },
      ]);
    }
    await platform.destroyCapsule(answers.find(({ status }) => status === 201)?.body.id ?? "");
    expect((await create()).status).toBe(201);
  });

  it.each([
    ["vCPUs", { maxVcpus: 3 }, { vcpus: 2 }, "the team may have 3 vCPUs: 2 are in use, and 2 more were asked for"],
    ["memory", { maxMemoryMb: 600 }, { memory_mb: 512 }, /600 MiB of memory: 512 are in use, and 512 more/],
    ["disk", { maxDiskMb: 10_000 }, { disk_size_mb: 6000 }, /10000 MiB of disk: 6000 are in use, and 6000 more/],
  ])("bounds the %s of a team", async (_name, limits, request, message) => {
    await limit(limits);
    expect((await create(request)).status).toBe(201);
    const { status, body } = await create(request);
    expect([status, body.error.code]).toEqual([403, "quota_exceeded"]);
    expect(body.error.message).toMatch(message);
  });

  it("counts a paused capsule and its disk, but neither its vCPUs nor its memory until it is to run again", async () => {
    await limit({ maxCapsules: 2, maxVcpus: 2 });
    const { id } = await platform.createCapsule({ vcpus: 2, disk_size_mb: 6000, auto_resume: true });
    await platform.act(id, "pause");
    expect((await quotas()).body).toEqual({
      team_id: idFromUuid("team", teamId),
      limits: { capsules: 2, vcpus: 2 },
      used: { capsules: 1, vcpus: 0, memory_mb: 0, disk_mb: 6000, snapshots: 0 },
    });
    await platform.createCapsule();
    for (const [action, body] of [["resume"], ["exec", { cmd: "true" }]] as const) {
      const answer = await platform.act(id, action, body);
      expect([answer.status, answer.body.error.code]).toEqual([403, "quota_exceeded"]);
    }
    expect((await platform.getCapsule(id)).status).toBe("paused");
    expect((await create()).body.error.message).toMatch(/2 capsules/);
    await limit({ maxVcpus: 3 });
    expect((await platform.act(id, "resume")).status).toBe(200);
  });

  it("counts nothing of a capsule that was destroyed while its host is away, which still has it", async () => {
    const { id } = await platform.createCapsule({ vcpus: 2, disk_size_mb: 6000 });
    await platform.host.kill();
    expect((await platform.request("DELETE", `/v1/capsules/${id}`)).status).toBe(503);
    expect(platform.host.machines.has(id)).toBe(true);
    expect((await platform.getCapsule(id)).status).toBe("stopped");
    const used = { capsules: 0, vcpus: 0, memory_mb: 0, disk_mb: 0, snapshots: 0 };
    expect((await quotas()).body.used).toEqual(used);
  });

  it("lets two resumes at once wake one capsule where there is room for one", async () => {
    await limit({ maxMemoryMb: 512 });
    const ids: string[] = [];
    for (let made = 0; made < 2; made++) {
      const { id } = await platform.createCapsule();
      await platform.act(id, "pause");
      ids.push(id);
    }
    const answers = await Promise.all(ids.map((id) => platform.act(id, "resume")));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403]);
  });

  it("allows all copies of a fork or none", async () => {
    await limit({ maxCapsules: 3 });
    const { id } = await platform.createCapsule();
    const { status, body } = await platform.act(id, "fork", { count: 3 });
    expect([status, body.error.message]).toEqual([
      403,
      "the team may have 3 capsules: 1 are in use, and 3 more were asked for",
    ]);
    expect(await platform.listCapsules()).toHaveLength(1);
    expect((await platform.act(id, "fork", { count: 2 })).status).toBe(201);
  });

  it("bounds snapshots and checkpoints together, also those that are made at once, and leaves the capsule running", async () => {
    await limit({ maxSnapshots: 2 });
    const { id } = await platform.createCapsule();
    const answers = await Promise.all(Array.from({ length: 4 }, () => platform.act(id, "checkpoints", {})));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 403, 403]);
    const { status, body } = await platform.post<Failure>("/v1/snapshots", { sandbox_id: id, name: "one-more" });
    expect([status, body.error.message]).toEqual([
      403,
      "the team may have 2 snapshots and checkpoints: 2 are in use, and 1 more were asked for",
    ]);
    expect((await platform.getCapsule(id)).status).toBe("running");
    expect((await quotas()).body.used.snapshots).toBe(2);
  });

  it("takes the platform's limits where a team has none of its own", async () => {
    await platform.stopControlPlane();
    const platformLimits = { capsules: 1, vcpus: null, memoryMb: null, diskMb: null, snapshots: 7 };
    await platform.startControlPlane({ quotas: platformLimits });
    await platform.waitForHost("online");
    expect((await quotas()).body.limits).toEqual({ capsules: 1, snapshots: 7 });
    await platform.createCapsule();
    expect((await create()).status).toBe(403);
    await limit({ maxCapsules: 2 });
    expect((await create()).status).toBe(201);
    await platform.stopControlPlane();
    await platform.startControlPlane();
  });

  it("shows the quotas to members of the team only", async () => {
    const stranger = await platform.signIn();
    expect((await quotas(teamId, stranger.headers)).body.error.code).toBe("forbidden");
    expect((await quotas(teamId, { "x-api-key": platform.key })).status).toBe(403);
    expect((await quotas(stranger.teamId, stranger.headers)).body).toMatchObject({ limits: {} });
  });
});
