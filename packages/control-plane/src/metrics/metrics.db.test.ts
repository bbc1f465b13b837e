import { randomUUID } from "node:crypto";
import { idFromUuid } from "@wrenn/protocol/ids";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { hosts } from "../db/schema.ts";
import { issueHostToken } from "../hosts/credentials.ts";
import { EnrolledHost } from "../testing/enrolled-host.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES, silent } from "../testing/postgres.ts";
import { until } from "../testing/until.ts";

const TOKEN = "metrics-token-of-this-test";

const gauge = (value: number | null) =>
  JSON.stringify([
    { name: "wrenn_machines", help: "Machines", type: "gauge", values: [{ value, labels: { state: "running" } }] },
  ]);

describe.each(ENGINES)("GET /metrics on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let first: string;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    await platform.waitForHost("online");
    const [row] = await platform.db.queries.select().from(hosts);
    first = idFromUuid("host", row?.id ?? "");
  }, 60_000);
  afterEach(() => {
    platform.host.reset();
    platform.host.metrics = "[]";
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  const scrape = async () => {
    const answer = await platform.request<string>("GET", "/metrics", { headers: { "x-api-key": "" } });
    expect(answer.status).toBe(200);
    return answer;
  };
  const lines = async () => (await scrape()).body.split("\n");

  it("answers in the text format, with capsules, hosts and the process", async () => {
    const { id } = await platform.createCapsule();
    const { headers, body } = await scrape();
    expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = body.split("\n");
    expect(text).toContain("# TYPE wrenn_capsules gauge");
    expect(text).toContain('wrenn_capsules{state="running"} 1');
    expect(text).toContain('wrenn_capsules{state="paused"} 0');
    expect(text).toContain("# TYPE wrenn_jobs gauge");
    expect(text).toContain('wrenn_hosts{status="online"} 1');
    expect(text).toContain(`wrenn_host_scrape_failed{host="${first}"} 0`);
    expect(body).toMatch(/^process_start_time_seconds \d+/m);
    await platform.destroyCapsule(id);
    expect(await lines()).toContain('wrenn_capsules{state="running"} 0');
  });

  it("measures requests by the pattern of their route and never by what was asked for", async () => {
    const { id } = await platform.createCapsule();
    await platform.getCapsule(id);
    await platform.request("GET", `/api/v1/sandboxes/${id}?secret=1`);
    await platform.request("GET", "/no/such/path");
    await platform.destroyCapsule(id);
    const { body } = await scrape();
    const of = (method: string, route: string, status: number) =>
      `wrenn_http_request_seconds_count{method="${method}",route="${route}",status="${status}"}`;
    expect(body).toContain(`${of("GET", "/v1/capsules/:id", 200)} 2\n`);
    expect(body).toContain(`${of("DELETE", "/v1/capsules/:id", 204)} `);
    expect(body).toContain(`${of("GET", "unmatched", 404)} 1\n`);
    expect(body).not.toContain(id);
    expect(body).not.toContain("secret");
    expect(body).not.toContain("/no/such/path");
  });

  it("takes a client that left for no failure", async () => {
    const warned = vi.spyOn(silent, "warn");
    const { id } = await platform.createCapsule();
    const release = platform.host.guest.hold();
    const leave = new AbortController();
    const answer = platform.act(id, "files/list", { path: "/" }, { signal: leave.signal });
    const refused = expect(answer).rejects.toThrow();
    await until(() => platform.host.guest.open === 1);
    leave.abort();
    await refused;
    await until(() => platform.host.guest.open === 0);
    release();
    await platform.destroyCapsule(id);
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
    expect((await scrape()).body).not.toMatch(/route="[^"]*files\/list",status="5/);
  });

  it("joins the metrics of all hosts under one head, each with its host", async () => {
    const id = randomUUID();
    await platform.db.queries.insert(hosts).values({ id });
    await using other = await EnrolledHost.start(
      platform.url,
      await issueHostToken(platform.db.queries, id, "registration"),
    );
    try {
      platform.host.metrics = gauge(3);
      other.fake.metrics = gauge(4);
      const known = async () => (await lines()).some((line) => line.includes(idFromUuid("host", id)));
      await until(known);
      const text = await lines();
      expect(text.filter((line) => line.startsWith("# TYPE wrenn_machines"))).toHaveLength(1);
      expect(text).toContain(`wrenn_machines{state="running",host="${first}"} 3`);
      expect(text).toContain(`wrenn_machines{state="running",host="${idFromUuid("host", id)}"} 4`);
    } finally {
      await platform.db.queries.delete(hosts).where(eq(hosts.id, id));
    }
  });

  it("leaves out a value that is not a number", async () => {
    platform.host.metrics = gauge(null);
    const text = await lines();
    expect(text).toContain("# TYPE wrenn_machines gauge");
    expect(text.filter((line) => line.startsWith("wrenn_machines"))).toEqual([]);
  });

  it("leaves out a host that hangs, and says so", async () => {
    platform.host.metrics = gauge(3);
    const { release } = platform.host.holdAt("metrics");
    const text = await lines();
    release();
    expect(text).toContain(`wrenn_host_scrape_failed{host="${first}"} 1`);
    expect(text).toContain('wrenn_hosts{status="online"} 1');
    expect(text.filter((line) => line.startsWith("wrenn_machines"))).toEqual([]);
  });

  it.each(["no JSON", '[{"name":"x y","help":"","type":"gauge","values":[]}]', "{}"])(
    "leaves out a host that answers %s",
    async (answer) => {
      platform.host.metrics = answer;
      expect(await lines()).toContain(`wrenn_host_scrape_failed{host="${first}"} 1`);
    },
  );

  it("takes nothing from a host but what is its own, and not without end", async () => {
    const poison = (name: string) => ({
      ...{ name, help: "x", type: "gauge" },
      values: [{ value: 1e9, labels: { state: "running", host: "x" } }],
    });
    platform.host.metrics = JSON.stringify([poison("wrenn_capsules"), poison("wrenn_machines")]);
    const { body } = await scrape();
    expect(body).toContain(`wrenn_machines{state="running",host="${first}"} 1000000000`);
    expect(body).not.toMatch(/wrenn_capsules\{.*host=/);
    platform.host.metrics = JSON.stringify([{ ...poison("wrenn_machines"), help: "x".repeat(40 * 1024 * 1024) }]);
    expect(await lines()).toContain(`wrenn_host_scrape_failed{host="${first}"} 1`);
  });

  it("is not for who comes through a proxy on the same machine", async () => {
    const headers = { "x-api-key": "", "x-forwarded-for": "192.0.2.7" };
    expect(await platform.request("GET", "/metrics", { headers })).toMatchObject({
      status: 403,
      body: { error: { code: "forbidden" } },
    });
  });

  it("is not for everyone once there is a token", async () => {
    const get = (authorization: string) => platform.request("GET", "/metrics", { headers: { authorization } });
    await platform.stopControlPlane();
    await platform.startControlPlane({ metricsToken: TOKEN });
    try {
      expect((await get(`Bearer ${TOKEN}`)).status).toBe(200);
      for (const wrong of ["", "Bearer another", `Bearer ${platform.key}`]) {
        expect(await get(wrong)).toMatchObject({ status: 401, body: { error: { code: "unauthorized" } } });
      }
    } finally {
      await platform.stopControlPlane();
      await platform.startControlPlane();
    }
  });
});
