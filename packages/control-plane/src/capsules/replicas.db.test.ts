import { newId } from "@wrenn/protocol/ids";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { Host, HostWithToken } from "@wrenn/protocol/rest/hosts";
import { eq, isNull, sum } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane } from "../control-plane.ts";
import { capsules, hosts } from "../db/schema.ts";
import { makeAuthority } from "../hosts/authority.ts";
import { ControlPlaneProcess } from "../testing/control-plane-process.ts";
import { EnrolledHost } from "../testing/enrolled-host.ts";
import type { FakeHost } from "../testing/fake-host.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

const CLIENTS = 20;
const CAPSULES = 500;
/** MiB of memory of each host, and of each capsule: 40 find room at a time, 20 on each host. */
const [HOST_MB, CAPSULE_MB] = [5120, 256];

describe.each(ENGINES)("two control planes and two hosts on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  /** shares nothing with the first but the database and its secrets */
  let second: { readonly url: string; readonly process: ControlPlaneProcess };
  let enrolled: EnrolledHost;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    await platform.stopControlPlane();
    platform.host.memoryMb = HOST_MB;
    const placement = { memoryOvercommit: 1, cpuOvercommit: 1000, diskOvercommit: 1000, minFreeDiskMb: 0 };
    await platform.startControlPlane({ placement });
    const process = new ControlPlaneProcess(platform.server.layout, {
      DATABASE_URL: platform.databaseUrl,
      LOG_LEVEL: "silent",
      WRENN_MEMORY_OVERCOMMIT: "1",
      WRENN_CPU_OVERCOMMIT: "1000",
      WRENN_DISK_OVERCOMMIT: "1000",
      WRENN_RATE_LIMIT_PER_KEY: "1000000",
    });
    second = { process, url: await process.ready() };
    const { headers } = await platform.signIn({ isAdmin: true });
    const entered = await platform.post<HostWithToken>("/v1/hosts", { type: "regular" }, { headers });
    enrolled = await EnrolledHost.start(second.url, entered.body.registration_token);
    enrolled.fake.memoryMb = HOST_MB;
    await until(async () => {
      const { body } = await platform.request<Host[]>("GET", "/v1/hosts", { headers });
      return body.length === 2 && body.every(({ status, memory_mb }) => status === "online" && memory_mb === HOST_MB);
    });
  }, 60_000);
  afterAll(async () => {
    await second.process.stop();
    await enrolled[Symbol.asyncDispose]();
    await platform[Symbol.asyncDispose]();
  });

  const ask = (base: string, method: string, path: string) =>
    fetch(`${base}/v1/capsules${path}`, {
      method,
      headers: { "x-api-key": platform.key, "content-type": "application/json" },
      ...(path === "" ? { body: JSON.stringify({ memory_mb: CAPSULE_MB }) } : {}),
    });

  /** Both control planes have compared their rows with what is on the host. */
  const compared = async (fake: FakeHost) => {
    // The second comparison of a host begins only after the first has ended.
    for (const _ of [1, 2]) {
      const before = fake.listed;
      fake.tellLate(newId("capsule"), "running");
      await until(() => fake.listed >= before + 2);
    }
  };

  it("lose, double and oversell nothing while many create and destroy", async () => {
    const fakes = [platform.host, enrolled.fake];
    const bases = [platform.url, second.url];
    const most = [0, 0];
    for (const [i, fake] of fakes.entries()) {
      fake.at("create.after", () => {
        most[i] = Math.max(most[i] ?? 0, fake.machines.size);
      });
    }
    const made: string[] = [];
    let refused = 0;
    const client = async (number: number) => {
      const base = (turn: number) => bases[(number + turn) % 2] ?? "";
      const mine: string[] = [];
      for (let turn = 0; made.length < CAPSULES; turn++) {
        const answer = await ask(base(turn), "POST", "");
        if (answer.status === 201) {
          const { id } = (await answer.json()) as Capsule;
          made.push(id);
          mine.push(id);
        } else {
          expect(answer.status, await answer.text()).toBe(503);
          refused++;
        }
        // They hold more than there is room for in all.
        if (answer.status !== 201 || mine.length > 2) {
          const id = mine.shift();
          if (id !== undefined) expect((await ask(base(turn + 1), "DELETE", `/${id}`)).status).toBe(204);
        }
      }
      return mine;
    };
    const left = (await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i)))).flat();

    expect(new Set(made).size).toBe(made.length);
    expect(refused).toBeGreaterThan(0);
    for (const count of most) expect(count).toBeLessThanOrEqual(HOST_MB / CAPSULE_MB);
    const [one, other] = fakes.map(({ machines }) => [...machines.keys()]) as [string[], string[]];
    expect([...one, ...other].toSorted()).toEqual(left.toSorted());
    const alive = await platform.listCapsules();
    expect(alive.map(({ id, status }) => `${id} ${status}`).toSorted()).toEqual(
      left.map((id) => `${id} running`).toSorted(),
    );
    const [{ memory } = {}] = await platform.db.queries.select({ memory: sum(capsules.memoryMb) }).from(capsules);
    expect(Number(memory)).toBe(made.length * CAPSULE_MB);
    const created = fakes.flatMap((fake) => fake.created.map(({ sandboxId }) => sandboxId));
    expect(created.toSorted()).toEqual(made.toSorted());
    for (const id of left) expect((await ask(bases[0] ?? "", "DELETE", `/${id}`)).status).toBe(204);
    expect(fakes.map(({ machines }) => machines.size)).toEqual([0, 0]);
  }, 180_000);

  it("let each other finish: what one is making is not judged by the other", async () => {
    const held = platform.host.holdAt("create.before");
    const elsewhere = enrolled.fake.holdAt("create.before");
    const answer = ask(platform.url, "POST", "");
    await Promise.race([held.reached, elsewhere.reached]);
    await compared(platform.host);
    await compared(enrolled.fake);
    held.release();
    elsewhere.release();
    expect((await answer).status).toBe(201);
    const [capsule] = await platform.listCapsules();
    expect(capsule).toMatchObject({ status: "running" });
  });

  it("call a host unreachable when none of them reaches it, and not while one does", async () => {
    await platform.db.queries.update(hosts).set({ status: "draining" }).where(isNull(hosts.certFingerprint));
    const { id } = await platform.createCapsule({ memory_mb: CAPSULE_MB });
    const seen = async () => {
      const { hostId, state } = await platform.rowOf(id);
      const [host] = await platform.db.queries.select().from(hosts).where(eq(hosts.id, hostId));
      return `${state} on a host that is ${host?.status}`;
    };
    // The host refuses whoever shows a certificate of another authority.
    const stranger = platform.configOf({ authority: await makeAuthority(), newSecrets: true });
    // It has tried once when it has started.
    await using _blind = await startControlPlane(stranger, silent, { hostLostMs: 0 });
    expect(await seen()).toBe("running on a host that is online");
    await Promise.all([platform.stopControlPlane(), second.process.stop()]);
    await until(async () => (await seen()) === "missing on a host that is unreachable");
  });
});
