import { idToUuid, newId } from "@wrenn/protocol/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../db/database.ts";
import type { CapsuleRow } from "../db/schema.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";
import { transition } from "./transition.ts";

describe.each(ENGINES)("reconciliation on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let db: Database;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    db = platform.db;
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());

  const rowOf = (id: string) => platform.rowOf(id);
  const setState = (id: string, state: CapsuleRow["state"]) => platform.setState(id, state);

  it("shows why a capsule ended by itself, and lets the host forget it", async () => {
    const { id } = await platform.createCapsule();
    platform.host.change(id, { status: "error", endReason: "oom", endMessage: "the guest ran out of memory" });
    const ended = await platform.waitForCapsule(id, ({ status }) => status === "error");
    expect(ended).toMatchObject({ end_reason: "oom", end_message: "the guest ran out of memory" });
    expect(ended.ended_at).toBeDefined();
    await until(() => !platform.host.machines.has(id));
    expect(await platform.listCapsules()).toEqual([]);
    expect((await platform.request("DELETE", `/v1/capsules/${id}`)).status).toBe(204);
    expect(await platform.getCapsule(id)).toMatchObject({ status: "stopped", end_reason: "oom" });
  });

  it("stops a capsule that powered itself off", async () => {
    const { id } = await platform.createCapsule();
    platform.host.change(id, { status: "stopped" });
    const ended = await platform.waitForCapsule(id, ({ status }) => status === "stopped");
    expect(ended).toMatchObject({ end_reason: "request", end_message: "the capsule powered itself off" });
    await until(() => !platform.host.machines.has(id));
  });

  it("keeps a machine that no row knows: another database may", async () => {
    const unknown = newId("capsule");
    platform.host.change(unknown, { status: "running" });
    platform.host.change("not-an-id", { status: "running" });
    const { id } = await platform.createCapsule();
    platform.host.change(id, { status: "error", endReason: "crash" });
    await platform.waitForCapsule(id, ({ status }) => status === "error");
    await until(() => !platform.host.machines.has(id));
    expect([...platform.host.machines.keys()].toSorted()).toEqual([unknown, "not-an-id"].toSorted());
    platform.host.machines.clear();
  });

  it("changes no capsule while a host is away", async () => {
    const { id } = await platform.createCapsule();
    await platform.host.kill();
    await platform.waitForHost("unreachable");
    expect((await platform.getCapsule(id)).status).toBe("running");
    await platform.host.listen();
    await platform.waitForHost("online");
    expect((await platform.getCapsule(id)).status).toBe("running");
    await platform.request("DELETE", `/v1/capsules/${id}`);
  });

  it("takes a capsule that its host lost for lost", async () => {
    const { id } = await platform.createCapsule();
    await platform.restartHost(() => platform.host.machines.delete(id));
    const lost = await platform.waitForCapsule(id, ({ status }) => status === "error");
    expect(lost).toMatchObject({ end_reason: "host_lost", end_message: "the host no longer has the capsule" });
  });

  it("finishes what a killed control plane began", async () => {
    const made = await Promise.all([1, 2, 3, 4].map(() => platform.createCapsule()));
    const [started = "", unmade = "", stopping = "", ended = ""] = made.map(({ id }) => id);
    await platform.stopControlPlane();
    await setState(started, "starting");
    await setState(unmade, "starting");
    await setState(stopping, "stopping");
    await setState(ended, "error");
    platform.host.machines.delete(unmade);
    await platform.startControlPlane();
    expect((await platform.getCapsule(started)).status).toBe("running");
    expect(await platform.getCapsule(unmade)).toMatchObject({
      status: "error",
      end_message: "the creation of the capsule was interrupted",
    });
    await until(async () => (await rowOf(stopping)).state === "stopped");
    await until(() => platform.host.machines.size === 1);
    expect(platform.host.machines.has(started)).toBe(true);
    await platform.request("DELETE", `/v1/capsules/${started}`);
  });

  it.each([
    ["pausing", "running", "running"],
    ["pausing", "paused", "paused"],
    ["resuming", "running", "running"],
    ["resuming", "paused", "paused"],
    ["running", "paused", "paused"],
    ["paused", "running", "running"],
    ["starting", "paused", "paused"],
    ["missing", "running", "running"],
    ["missing", "paused", "paused"],
    ["pausing", "absent", "error"],
    ["paused", "absent", "error"],
    ["resuming", "absent", "error"],
    ["missing", "absent", "error"],
    ["missing", "stopped", "stopped"],
  ] as const)(
    "after a restart in the middle, a row that is %s with a machine that is %s becomes %s",
    async (...states) => {
      const [state, machine, expected] = states;
      const { id } = await platform.createCapsule();
      await platform.stopControlPlane();
      await setState(id, state);
      if (machine === "absent") platform.host.machines.delete(id);
      else platform.host.change(id, { status: machine, hostIp: "10.11.0.9" });
      await platform.startControlPlane();
      const { state: now, hostIp, endReason } = await rowOf(id);
      expect(now).toBe(expected);
      expect(hostIp).toBe({ running: "10.11.0.9", paused: null }[expected as string] ?? hostIp);
      if (machine === "absent") expect(endReason).toBe("host_lost");
      await platform.request("DELETE", `/v1/capsules/${id}`);
    },
  );

  it("asks the host before it believes an event that may be old", async () => {
    const [steady, other] = [await platform.createCapsule(), await platform.createCapsule()];
    platform.host.tellLate(steady.id, "paused");
    platform.host.tellLate(steady.id, "error");
    platform.host.change(other.id, { status: "error", endReason: "crash" });
    await until(() => !platform.host.machines.has(other.id));
    expect((await platform.getCapsule(steady.id)).status).toBe("running");
    await platform.request("DELETE", `/v1/capsules/${steady.id}`);
  });

  describe("a host that is away for long", () => {
    beforeAll(async () => {
      await platform.stopControlPlane();
      await platform.startControlPlane({}, { hostLostMs: 0 });
    });
    afterAll(async () => {
      await platform.stopControlPlane();
      await platform.startControlPlane();
    });

    it("makes its capsules missing but for the paused ones, and gives back what it has", async () => {
      const made = await Promise.all([1, 2, 3, 4, 5].map(() => platform.createCapsule()));
      const [kept = "", slept = "", lost = "", off = "", paused = ""] = made.map(({ id }) => id);
      await platform.act(paused, "pause");
      await platform.host.kill();
      const statuses = async () =>
        (await Promise.all(made.map(({ id }) => platform.getCapsule(id)))).map((c) => c.status);
      await until(async () => (await statuses()).join() === "missing,missing,missing,missing,paused");
      expect(await platform.act(kept, "pause")).toMatchObject({ status: 409 });
      platform.host.idle(slept);
      platform.host.machines.delete(lost);
      platform.host.change(off, { status: "stopped" });
      await platform.host.listen();
      await until(async () => (await statuses()).join() === "running,paused,error,stopped,paused");
      expect(await platform.getCapsule(slept)).toMatchObject({ pause_reason: "idle" });
      expect(await platform.getCapsule(lost)).toMatchObject({ end_reason: "host_lost" });
      for (const { id } of made) await platform.request("DELETE", `/v1/capsules/${id}`);
    });

    it("can have its capsules destroyed: they are gone when it is back", async () => {
      const { id } = await platform.createCapsule();
      await platform.host.kill();
      await platform.waitForCapsule(id, ({ status }) => status === "missing");
      expect((await platform.request("DELETE", `/v1/capsules/${id}`)).status).toBe(503);
      await platform.host.listen();
      await until(() => !platform.host.machines.has(id));
      await until(async () => (await rowOf(id)).state === "stopped");
    });
  });

  describe("transition", () => {
    it("lets one of two win who have seen the same", async () => {
      const { id } = await platform.createCapsule();
      const seen = await rowOf(id);
      const attempts = await Promise.all([
        transition({ db, logger: silent }, seen, "fail", { endReason: "crash" }),
        transition({ db, logger: silent }, seen, "stop", { endReason: "request" }),
      ]);
      expect(attempts.filter((row) => row !== undefined)).toHaveLength(1);
      await platform.request("DELETE", `/v1/capsules/${id}`);
    });

    it("does nothing for another incarnation", async () => {
      const { id } = await platform.createCapsule();
      const seen = await rowOf(id);
      const older = { ...seen, incarnation: seen.incarnation - 1 };
      expect(await transition({ db, logger: silent }, older, "fail")).toBeUndefined();
      expect((await rowOf(id)).state).toBe("running");
      await platform.request("DELETE", `/v1/capsules/${id}`);
    });

    it("refuses a step that the table does not have", async () => {
      const seen = await rowOf((await platform.createCapsule()).id);
      const row = { ...seen, id: idToUuid(newId("capsule")), state: "stopped" } as const;
      await expect(transition({ db, logger: silent }, row, "started")).rejects.toMatchObject({ code: "invalid_state" });
    });

    it("and the database refuses a state that is none", async () => {
      const { id } = await platform.createCapsule();
      await expect(setState(id, "hibernated" as never)).rejects.toThrow();
      await platform.request("DELETE", `/v1/capsules/${id}`);
    });
  });
});
