import { WrennError } from "@wrenn/protocol/errors";
import { newId } from "@wrenn/protocol/ids";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { ExecResult } from "@wrenn/protocol/rest/processes";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Failure, TestPlatform } from "../testing/platform.ts";
import { ENGINES } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

describe.each(ENGINES)("capsules on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => platform.host.reset());

  const exec = (id: string, body: object, init?: RequestInit) =>
    platform.post<ExecResult & Failure>(`/v1/capsules/${id}/exec`, body, init);
  const destroy = (id: string) => platform.request<Failure>("DELETE", `/v1/capsules/${id}`);

  it("are created, listed, used and destroyed", async () => {
    const created = await platform.post<Capsule>("/v1/capsules", { memory_mb: 256, vcpus: 2 });
    expect(created.status).toBe(201);
    const capsule = created.body;
    expect(capsule).toMatchObject({ status: "running", template: "minimal", vcpus: 2, memory_mb: 256, timeout_sec: 0 });
    expect(capsule).toMatchObject({ host_ip: "10.11.0.1", started_at: expect.stringMatching(/^\S+T\d\d:\d\d:\d\dZ$/) });
    expect(Object.keys(capsule.timings ?? {})).toEqual(["place", "vmm_start", "guest_init", "total"]);
    expect(capsule).not.toHaveProperty("ended_at");
    expect(platform.host.created.at(-1)).toMatchObject({ sandboxId: capsule.id, memoryMb: 256, vcpus: 2 });

    const newer = await platform.createCapsule();
    expect((await platform.listCapsules()).map(({ id }) => id)).toEqual([newer.id, capsule.id]);
    expect(await platform.getCapsule(capsule.id)).toEqual(capsule);

    expect((await destroy(newer.id)).status).toBe(204);
    expect((await destroy(capsule.id)).status).toBe(204);
    expect((await destroy(capsule.id)).status).toBe(204);
    expect(await platform.listCapsules()).toEqual([]);
    expect(await platform.getCapsule(capsule.id)).toMatchObject({ status: "stopped", end_reason: "request" });
    expect(platform.host.machines.size).toBe(0);
  });

  it("answer under every alias", async () => {
    const { id } = await platform.createCapsule();
    for (const prefix of ["/v1/capsules", "/v1/sandboxes", "/api/v1/capsules", "/api/v1/sandboxes"]) {
      expect((await platform.request<Capsule>("GET", `${prefix}/${id}`)).body.id).toBe(id);
      expect((await platform.post<ExecResult>(`${prefix}/${id}/exec`, { cmd: "echo" })).status).toBe(200);
      expect((await platform.request("POST", `${prefix}/${id}/ping`)).status).toBe(204);
    }
    expect((await platform.request("GET", "/api/v1/snapshots")).status).toBe(200);
    expect((await platform.request("DELETE", `/api/v1/sandboxes/${id}`)).status).toBe(204);
  });

  it("show their console", async () => {
    const { id } = await platform.createCapsule();
    const answer = await platform.request("GET", `/v1/capsules/${id}/console`);
    expect(answer).toMatchObject({ status: 200, body: { sandbox_id: id, console: "booted\n" } });
    await destroy(id);
    expect((await platform.request("GET", `/v1/capsules/${id}/console`)).status).toBe(409);
  });

  it("that do not exist are not found", async () => {
    const id = newId("capsule");
    expect(await destroy(id)).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
    expect((await exec(id, { cmd: "echo" })).status).toBe(404);
    expect((await platform.request("GET", `/v1/capsules/${id}`)).status).toBe(404);
  });

  it("are not made from a template that does not exist", async () => {
    const answer = await platform.post<Failure>("/v1/capsules", { template: "nope" });
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({ error: { code: "not_found", message: 'template "nope" does not exist' } });
    expect(await platform.listCapsules()).toEqual([]);
  });

  it("that their host cannot make say why and leave nothing", async () => {
    platform.host.failAt("create.before", new WrennError("no_free_slot", "all 3 network slots are in use"));
    const answer = await platform.post<Failure>("/v1/capsules", {});
    expect(answer.status).toBe(503);
    expect(answer.body).toEqual({
      error: { code: "no_hosts_available", reason: "no_free_slot", message: "all 3 network slots are in use" },
    });
    const failed = await platform.getCapsule(platform.host.created.at(-1)?.sandboxId ?? "");
    expect(failed).toMatchObject({
      status: "error",
      end_reason: "crash",
      end_message: "all 3 network slots are in use",
    });
    expect(await platform.listCapsules()).toEqual([]);
    expect((await destroy(failed.id)).status).toBe(204);
  });

  it("run and are listed when the client leaves while they are made", async () => {
    const held = platform.host.holdAt("create.before");
    const leave = new AbortController();
    const answer = platform.post("/v1/capsules", {}, { signal: leave.signal });
    await held.reached;
    leave.abort();
    await expect(answer).rejects.toThrow();
    const id = platform.host.created.at(-1)?.sandboxId ?? "";
    expect((await platform.getCapsule(id)).status).toBe("starting");
    held.release();
    await platform.waitForCapsule(id, ({ status }) => status === "running");
    expect((await platform.listCapsules()).map((capsule) => capsule.id)).toEqual([id]);
    await destroy(id);
  });

  it("whose host dies while it makes them are in error, and gone when it is back", async () => {
    const held = platform.host.holdAt("create.after");
    const answer = platform.post<Failure>("/v1/capsules", {});
    await held.reached;
    await platform.host.kill();
    held.release();
    expect(await answer).toMatchObject({ status: 503, body: { error: { code: "host_unavailable" } } });
    const id = platform.host.created.at(-1)?.sandboxId ?? "";
    expect(await platform.getCapsule(id)).toMatchObject({ status: "error", end_reason: "host_lost" });
    expect(platform.host.machines.has(id)).toBe(true);
    await until(
      async () => (await platform.post<Failure>("/v1/capsules", {})).body.error.code === "no_hosts_available",
    );
    platform.host.at("create.after", undefined);
    await platform.host.listen();
    await until(() => !platform.host.machines.has(id));
    const next = await platform.retry(() => platform.post<Capsule>("/v1/capsules", {}), 201);
    await destroy(next.body.id);
  });

  it("destroyed while they start are stopped and have no machine", async () => {
    const held = platform.host.holdAt("create.before");
    const creating = platform.post<Failure>("/v1/capsules", {});
    await held.reached;
    const id = platform.host.created.at(-1)?.sandboxId ?? "";
    expect((await destroy(id)).status).toBe(204);
    held.release();
    expect(await creating).toMatchObject({ status: 409, body: { error: { code: "invalid_state" } } });
    expect((await platform.getCapsule(id)).status).toBe("stopped");
    await until(() => !platform.host.machines.has(id));
  });

  it("destroyed while their host is busy with their start are stopped at once, and removed when it has time", async () => {
    const boot = platform.host.holdAt("create.after");
    const creating = platform.post<Failure>("/v1/capsules", {});
    await boot.reached;
    const id = platform.host.created.at(-1)?.sandboxId ?? "";
    const turn = platform.host.holdAt("destroy");
    expect((await destroy(id)).status).toBe(204);
    expect((await platform.getCapsule(id)).status).toBe("stopped");
    expect(platform.host.machines.has(id)).toBe(true);
    boot.release();
    turn.release();
    expect(await creating).toMatchObject({ status: 409, body: { error: { code: "invalid_state" } } });
    await until(() => !platform.host.machines.has(id));
    await until(async () => (await platform.rowOf(id)).state === "stopped");
    platform.host.reset();
  });

  it("can be destroyed by two at once", async () => {
    const { id } = await platform.createCapsule();
    const held = platform.host.holdAt("destroy");
    const both = Promise.all([destroy(id), destroy(id)]);
    await held.reached;
    expect(await platform.listCapsules()).toEqual([]);
    held.release();
    expect((await both).map(({ status }) => status)).toEqual([204, 204]);
    expect(await platform.getCapsule(id)).toMatchObject({ status: "stopped", end_reason: "request" });
  });

  it("whose host does not answer a destroy are destroyed when it is back", async () => {
    const { id } = await platform.createCapsule();
    await platform.host.kill();
    expect(await destroy(id)).toMatchObject({ status: 503, body: { error: { code: "host_unavailable" } } });
    await platform.host.listen();
    await until(() => !platform.host.machines.has(id));
    await platform.waitForCapsule(id, (capsule) => capsule.ended_at !== undefined);
    await platform.retry(() => destroy(id), 204);
  });

  it("are refused with a clear answer when no memory is left, or no host is as large", async () => {
    await platform.restartHost(() => (platform.host.memoryMb = 512));
    const [first, other] = [await platform.createCapsule(), await platform.createCapsule()];
    const refused = await platform.post<Failure>("/v1/capsules", { memory_mb: 192 });
    expect(refused.status).toBe(503);
    expect(refused.body.error).toEqual({
      code: "no_hosts_available",
      message: "no host has 192 MiB of memory left for a capsule (the most is 0 MiB)",
    });
    await destroy(first.id);
    const again = await platform.post<Capsule>("/v1/capsules", { memory_mb: 192 });
    expect(again.status).toBe(201);
    const large = [{ memory_mb: 513 }, { vcpus: 3 }].map((wanted) => platform.post<Failure>("/v1/capsules", wanted));
    expect((await Promise.all(large)).map(({ status, body }) => [status, body.error.message])).toEqual([
      [400, "no host is large enough for a capsule with 513 MiB of memory (the largest has 512 MiB)"],
      [400, "no host is large enough for a capsule with 3 vCPUs (the largest has 2 vCPUs)"],
    ]);
    for (const id of [again.body.id, other.id]) await destroy(id);
    await platform.restartHost(() => (platform.host.memoryMb = 16_384));
  });

  it("are made by many at once", async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => platform.createCapsule()));
    expect(new Set(made.map(({ id }) => id)).size).toBe(8);
    const all = await platform.listCapsules();
    expect(all).toHaveLength(8);
    await Promise.all(all.map(({ id }) => destroy(id)));
    expect(platform.host.machines.size).toBe(0);
  });
});
