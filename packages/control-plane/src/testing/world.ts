/** A team with everybody who could want something of it: what tests of all routes send their requests from. */
import { randomUUID } from "node:crypto";
import { idFromUuid, newId } from "@wrenn/protocol/ids";
import type { NewApiKey } from "@wrenn/protocol/rest/api-keys";
import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { Channel, CreateChannel } from "@wrenn/protocol/rest/channels";
import type { BackgroundExec } from "@wrenn/protocol/rest/processes";
import type { Invitation } from "@wrenn/protocol/rest/teams";
import { apiKeys } from "../db/schema.ts";
import { hashApiKey, newApiKey, prefixOf } from "../identity/api-keys.ts";
import { as } from "./as.ts";
import type { ConfigChanges, TestPlatform, TestUser } from "./platform.ts";
import { Receiver } from "./receiver.ts";
import { until } from "./until.ts";

type Fields = Pick<
  World,
  | "platform"
  | "owner"
  | "admin"
  | "member"
  | "stranger"
  | "visitor"
  | "root"
  | "key"
  | "keyId"
  | "bareKey"
  | "strangersKey"
  | "receiver"
>;

/** What the platform has to have for every route to be of use. */
export const EVERYTHING: ConfigChanges = {
  // Receivers of tests are on loopback.
  webhookAllow: ["127.0.0.0/8"],
  // Nobody goes there.
  accounts: {
    github: { clientId: "id", clientSecret: "secret", url: "https://github.invalid", apiUrl: "https://github.invalid" },
  },
};

export type Headers = Record<string, string>;

export class World implements AsyncDisposable {
  readonly platform: TestPlatform;
  readonly owner: TestUser;
  readonly admin: TestUser;
  readonly member: TestUser;
  /** owns another team */
  readonly stranger: TestUser;
  /** owns a third one */
  readonly visitor: TestUser;
  /** administrator of the platform, who owns another team */
  readonly root: TestUser;
  /** of the team, good for everything */
  readonly key: Headers;
  readonly keyId: string;
  /** of the team, good for nothing */
  readonly bareKey: Headers;
  readonly strangersKey: Headers;
  /** what the team's channels send to */
  readonly receiver: Receiver;

  private constructor(fields: Fields) {
    this.platform = fields.platform;
    this.owner = fields.owner;
    this.admin = fields.admin;
    this.member = fields.member;
    this.stranger = fields.stranger;
    this.visitor = fields.visitor;
    this.root = fields.root;
    this.key = fields.key;
    this.keyId = fields.keyId;
    this.bareKey = fields.bareKey;
    this.strangersKey = fields.strangersKey;
    this.receiver = fields.receiver;
  }

  static async make(platform: TestPlatform): Promise<World> {
    const owner = await platform.signIn();
    const { teamId } = owner;
    const stranger = await platform.signIn();
    const key = await addKey(platform, teamId, null);
    return new World({
      platform,
      owner,
      admin: await platform.signIn({ teamId, role: "admin" }),
      member: await platform.signIn({ teamId, role: "member" }),
      stranger,
      visitor: await platform.signIn(),
      root: await platform.signIn({ isAdmin: true }),
      key: key.headers,
      keyId: key.id,
      bareKey: (await addKey(platform, teamId, [])).headers,
      strangersKey: (await addKey(platform, stranger.teamId, null)).headers,
      receiver: await Receiver.listen(),
    });
  }

  get teamId(): string {
    return idFromUuid("team", this.owner.teamId);
  }

  /** The body of what a user gets for a request that has to succeed. */
  async as<Body>(user: TestUser, method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await as<Body>(this.platform, user, method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Wire id of a new capsule of the team that runs. */
  async capsule(): Promise<string> {
    return (await this.as<Capsule>(this.owner, "POST", "/v1/capsules", { memory_mb: 192 })).id;
  }

  /** Name of a new snapshot. @param user whose team it is of */
  async snapshot(user = this.owner): Promise<string> {
    const name = `s-${randomUUID()}`;
    const capsule = await this.as<Capsule>(user, "POST", "/v1/capsules", { memory_mb: 192 });
    await this.as(user, "POST", "/v1/snapshots", { sandbox_id: capsule.id, name });
    await this.as(user, "DELETE", `/v1/capsules/${capsule.id}`);
    return name;
  }

  async checkpoint(capsule: string): Promise<string> {
    await this.as(this.owner, "POST", `/v1/capsules/${capsule}/checkpoints`, { name: "here" });
    return "here";
  }

  /** Its pid. */
  async process(capsule: string, user = this.owner, path = "/v1/capsules"): Promise<string> {
    const command = { cmd: "sleep", args: ["60"], background: true };
    const { pid } = await this.as<BackgroundExec>(user, "POST", `${path}/${capsule}/exec`, command);
    return String(pid);
  }

  /** Wire id of a new key that the member made. */
  async apiKey(): Promise<string> {
    return (await this.as<NewApiKey>(this.member, "POST", "/v1/api-keys", {})).id;
  }

  /** Wire id of a new invitation. @param email nobody's when absent */
  async invitation(email = `${newId("user")}@example.com`): Promise<string> {
    return (await this.as<Invitation>(this.owner, "POST", `/v1/teams/${this.teamId}/members`, { email })).id;
  }

  /** A configuration that works. */
  get webhook() {
    return { provider: "webhook", config: { url: this.receiver.url } } as const;
  }

  /** Wire id of a new channel of the team. */
  async channel(): Promise<string> {
    const channel: CreateChannel = { ...this.webhook, name: randomUUID(), events: ["host.up"] };
    return (await this.as<Channel>(this.owner, "POST", "/v1/channels", channel)).id;
  }

  /** It begins by itself, and may be later than the server. */
  async backgroundWork(): Promise<void> {
    await until(async () => (await as(this.platform, this.root, "GET", "/v1/admin/jobs")).status === 200);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.receiver[Symbol.asyncDispose]();
  }
}

async function addKey({ db }: TestPlatform, teamId: string, scopes: string[] | null) {
  const [id, key] = [randomUUID(), newApiKey()];
  await db.queries
    .insert(apiKeys)
    .values({ id, teamId, name: "key", keyHash: hashApiKey(key), keyPrefix: prefixOf(key), scopes });
  return { id: idFromUuid("key", id), headers: { "x-api-key": key } };
}
