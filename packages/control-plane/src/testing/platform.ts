/** A real control plane on a real PostgreSQL, with a fake host agent: what the database tests talk to. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Role } from "@wrenn/protocol/access";
import { idToUuid, parseId } from "@wrenn/protocol/ids";
import type { Capsule, CreateCapsule } from "@wrenn/protocol/rest/capsules";
import type { HostStatus } from "@wrenn/protocol/rest/hosts";
import type { Template } from "@wrenn/protocol/rest/snapshots";
import { eq } from "drizzle-orm";
import type { RateLimits } from "../api/rate-limits.ts";
import type { Config } from "../config.ts";
import type { ContextOverrides } from "../context.ts";
import { type ControlPlane, startControlPlane } from "../control-plane.ts";
import { Database } from "../db/database.ts";
import { type CapsuleRow, capsules, hosts, memberships, teams, users } from "../db/schema.ts";
import { newApiKey, storeApiKey } from "../identity/api-keys.ts";
import { beginSession } from "../identity/sessions.ts";
import { readSecrets } from "../secrets.ts";
import { EnrolledHost } from "./enrolled-host.ts";
import { FakeHost } from "./fake-host.ts";
import { type Engine, freshDatabase, silent, startTestPostgres, type TestPostgres } from "./postgres.ts";
import { until } from "./until.ts";

export interface Failure {
  readonly error: { readonly code: string; readonly reason?: string; readonly message: string };
}

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export interface SignInOptions {
  readonly role?: Role;
  /** of the platform */
  readonly isAdmin?: boolean;
  /** UUID */
  readonly teamId?: string;
}

export interface TestUser {
  /** UUID */
  readonly id: string;
  readonly email: string;
  /** UUID */
  readonly teamId: string;
  /** for requests of theirs */
  readonly headers: { readonly authorization: string };
}

/** What differs from the configuration of tests. */
export interface ConfigChanges extends Omit<Partial<Config>, "accounts"> {
  readonly accounts?: Partial<Config["accounts"]>;
}

const MANY = 1_000_000;
export const NO_LIMITS: RateLimits = {
  perKeyPerSecond: MANY,
  loginPerMinute: MANY,
  loginPerAddressPerMinute: MANY,
  signupPerMinute: MANY,
  resetPerMinute: MANY,
  searchPerMinute: MANY,
  invitationsPerHour: MANY,
  channelTestPerMinute: MANY,
};

const NOT_GIVEN = { session: undefined, encryption: undefined };

export class TestPlatform implements AsyncDisposable {
  readonly host: FakeHost;
  readonly server: TestPostgres;
  readonly databaseUrl: string;
  /** beside the control plane: what tests look up or change behind its back */
  readonly db: Database;
  key = "";
  /** of the control planes that are started from now on */
  logger = silent;
  #controlPlane: ControlPlane | undefined;
  #enrolled: EnrolledHost | undefined;

  private constructor(server: TestPostgres, databaseUrl: string) {
    this.server = server;
    this.databaseUrl = databaseUrl;
    this.db = new Database(databaseUrl, silent);
    this.host = new FakeHost();
  }

  static async start(engine: Engine, changes?: ConfigChanges, logger = silent): Promise<TestPlatform> {
    const server = await startTestPostgres(engine);
    const platform = new TestPlatform(server, await freshDatabase(server.postgres));
    platform.logger = logger;
    await platform.startControlPlane(changes);
    await platform.#enrolHost();
    platform.key = (await readFile(server.layout.apiKeyFile, "utf8")).trim();
    return platform;
  }

  get url(): string {
    return this.#controlPlane?.url ?? "";
  }

  /** For a control plane of this platform. */
  configOf(changes: ConfigChanges = {}): Config {
    const { accounts, ...rest } = changes;
    return {
      layout: this.server.layout,
      listen: { host: "127.0.0.1", port: 0 },
      database: { kind: "external", url: this.databaseUrl },
      logLevel: "silent",
      quotas: { capsules: null, vcpus: null, memoryMb: null, diskMb: null, snapshots: null },
      placement: { memoryOvercommit: 2, cpuOvercommit: 1000, diskOvercommit: 1000, minFreeDiskMb: 0 },
      authority: undefined,
      localHost: true,
      localKey: true,
      metricsToken: undefined,
      corsOrigins: [],
      secrets: NOT_GIVEN,
      newSecrets: false,
      webhookAllow: [],
      byocAllow: [],
      accounts: {
        publicUrl: undefined,
        dashboardUrl: undefined,
        smtp: undefined,
        admin: undefined,
        github: undefined,
        rateLimits: NO_LIMITS,
        trustedProxies: [],
        ...accounts,
      },
      ...rest,
    };
  }

  async startControlPlane(changes: ConfigChanges = {}, overrides?: ContextOverrides): Promise<void> {
    this.#controlPlane = await startControlPlane(this.configOf(changes), this.logger, overrides);
  }

  /** As a supervisor lets the host of its box enrol. */
  async #enrolHost(): Promise<void> {
    const token = await this.#controlPlane?.localHost?.token();
    if (token === undefined) return;
    this.#enrolled = await EnrolledHost.start(this.url, token, this.host);
    await this.waitForHost("online");
  }

  async stopControlPlane(): Promise<void> {
    await this.#controlPlane?.close();
  }

  /** Nothing is left on the host, which answers, and no hook in it. */
  async clear(): Promise<void> {
    this.host.reset();
    if (!this.host.listening) await this.host.listen();
    await this.waitForHost("online");
    for (const { id } of await this.listCapsules()) await this.destroyCapsule(id);
    for (const { name, type } of (await this.request<Template[]>("GET", "/v1/snapshots")).body) {
      if (type === "snapshot") await this.request("DELETE", `/v1/snapshots/${name}`);
    }
  }

  /** Waits until the control plane sees the host so. */
  async waitForHost(status: HostStatus): Promise<void> {
    await until(async () => (await this.db.queries.select().from(hosts))[0]?.status === status);
  }

  /** The host agent ends and comes back, and the control plane has noticed both. */
  async restartHost(meanwhile: () => void = () => {}): Promise<void> {
    await this.host.kill();
    await this.waitForHost("unreachable");
    meanwhile();
    await this.host.listen();
    await this.waitForHost("online");
  }

  async request<Body = unknown>(method: string, path: string, init: RequestInit = {}): Promise<Answer<Body>> {
    const headers = new Headers(init.headers);
    if (!headers.has("x-api-key") && !headers.has("authorization")) headers.set("x-api-key", this.key);
    if (init.body !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
    const response = await fetch(this.url + path, { ...init, method, headers });
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json") ?? false;
    return { status: response.status, headers: response.headers, body: (json ? JSON.parse(text) : text) as Body };
  }

  post<Body = unknown>(path: string, body: unknown, init: RequestInit = {}): Promise<Answer<Body>> {
    return this.request<Body>("POST", path, { ...init, body: JSON.stringify(body) });
  }

  /** A user of their own, signed in to a team: a new one, unless it is named. */
  async signIn({ role = "owner", isAdmin = false, teamId = "" }: SignInOptions = {}): Promise<TestUser> {
    const id = randomUUID();
    const email = `${id}@example.com`;
    const team = teamId || randomUUID();
    const { queries } = this.db;
    await queries.insert(users).values({ id, email, name: "Someone", status: "active", isAdmin });
    if (teamId === "") await queries.insert(teams).values({ id: team, name: "Someone's", slug: team.slice(0, 13) });
    await queries.insert(memberships).values({ teamId: team, userId: id, role, isDefault: true });
    const { session } = await readSecrets(NOT_GIVEN, this.server.layout.secretsFile);
    const origin = { sourceAddress: undefined, userAgent: undefined };
    const { token } = await beginSession(this.db, session, id, team, origin);
    return { id, email, teamId: team, headers: { authorization: `Bearer ${token}` } };
  }

  /** The key of another team. */
  async otherTeam(): Promise<string> {
    const [teamId, key] = [randomUUID(), newApiKey()];
    await this.db.queries.insert(teams).values({ id: teamId, name: "Other", slug: teamId.slice(0, 13) });
    await storeApiKey(this.db, teamId, "other", key);
    return key;
  }

  async createCapsule(request: CreateCapsule = {}): Promise<Capsule> {
    const { status, body } = await this.post<Capsule>("/v1/capsules", request);
    if (status !== 201) throw new Error(`create answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** A request about one capsule, e.g. `act(id, "pause")`. */
  act<Body = Capsule & Failure>(
    id: string,
    action: string,
    body?: object,
    init: RequestInit = {},
  ): Promise<Answer<Body>> {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    return this.request<Body>("POST", `/v1/capsules/${id}/${action}`, { ...init, ...json });
  }

  async rowOf(id: string): Promise<CapsuleRow> {
    const uuid = idToUuid(parseId("capsule", id));
    const [row] = await this.db.queries.select().from(capsules).where(eq(capsules.id, uuid));
    if (row === undefined) throw new Error(`no row of ${id}`);
    return row;
  }

  /** Changes the row behind the back of the control plane, which had better not be running. */
  async setState(id: string, state: CapsuleRow["state"]): Promise<void> {
    const uuid = idToUuid(parseId("capsule", id));
    await this.db.queries.update(capsules).set({ state }).where(eq(capsules.id, uuid));
  }

  async destroyCapsule(id: string): Promise<void> {
    const { status, body } = await this.request("DELETE", `/v1/capsules/${id}`);
    if (status !== 204) throw new Error(`destroy answered ${status}: ${JSON.stringify(body)}`);
  }

  async getCapsule(id: string): Promise<Capsule> {
    return (await this.request<Capsule>("GET", `/v1/capsules/${id}`)).body;
  }

  async listCapsules(): Promise<Capsule[]> {
    return (await this.request<Capsule[]>("GET", "/v1/capsules")).body;
  }

  /** The capsule as soon as `test` is true for it. */
  async waitForCapsule(id: string, test: (capsule: Capsule) => boolean): Promise<Capsule> {
    const found = await until(async () => {
      const capsule = await this.getCapsule(id);
      return test(capsule) ? capsule : undefined;
    });
    return found;
  }

  /** The next answer to `request` that `test` accepts; nothing else happens meanwhile. */
  async retry<Body>(request: () => Promise<Answer<Body>>, status: number): Promise<Answer<Body>> {
    return until(async () => {
      const answer = await request();
      return answer.status === status ? answer : undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopControlPlane();
    await (this.#enrolled ?? this.host)[Symbol.asyncDispose]();
    await this.db.close();
    await this.server[Symbol.asyncDispose]();
  }
}
