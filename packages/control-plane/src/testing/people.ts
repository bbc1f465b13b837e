/** Users as they are outside: with a mailbox, through the API. */
import { randomUUID } from "node:crypto";
import { type Id, idToUuid } from "@wrenn/protocol/ids";
import type { Auth } from "@wrenn/protocol/rest/accounts";
import type { Config } from "../config.ts";
import { Mailbox } from "./mailbox.ts";
import { type Answer, type Failure, TestPlatform } from "./platform.ts";
import type { Engine } from "./postgres.ts";

export const PASSWORD = "correct horse";

export class People implements AsyncDisposable {
  readonly platform: TestPlatform;
  readonly mailbox: Mailbox;

  private constructor(platform: TestPlatform, mailbox: Mailbox) {
    this.platform = platform;
    this.mailbox = mailbox;
  }

  /** On a platform of their own, which sends mail. */
  static async start(engine: Engine, accounts: Partial<Config["accounts"]> = {}): Promise<People> {
    const mailbox = await Mailbox.open();
    const platform = await TestPlatform.start(engine);
    const people = new People(platform, mailbox);
    await people.restart(accounts);
    return people;
  }

  async restart(accounts: Partial<Config["accounts"]> = {}): Promise<void> {
    await this.platform.stopControlPlane();
    const publicUrl = "https://wrenn.example.com";
    await this.platform.startControlPlane({ accounts: { smtp: this.mailbox.smtp, publicUrl, ...accounts } });
  }

  request<Body = object>(method: string, path: string, auth?: Auth, body?: object): Promise<Answer<Body & Failure>> {
    const headers = { authorization: auth === undefined ? "" : `Bearer ${auth.token}` };
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    return this.platform.request<Body & Failure>(method, path, { headers, ...json });
  }

  post<Body = object>(path: string, body: object, auth?: Auth): Promise<Answer<Body & Failure>> {
    return this.request<Body>("POST", path, auth, body);
  }

  signUp(email: string, name = "Ann", password = PASSWORD) {
    return this.post<{ message: string }>("/v1/auth/signup", { email, password, name });
  }

  logIn(email: string, password = PASSWORD) {
    return this.post<Auth>("/v1/auth/login", { email, password });
  }

  /** From the mail that was sent to the address. */
  async activationToken(email: string): Promise<string> {
    return tokenOf((await this.mailbox.take(email, /^Activate/)).link);
  }

  activate(token: string) {
    return this.post<Auth>("/v1/auth/activate", { token });
  }

  /** A new user, signed in. */
  async join(email = newEmail(), name = "Ann"): Promise<Auth> {
    await this.signUp(email, name);
    const { status, body } = await this.activate(await this.activationToken(email));
    if (status !== 200) throw new Error(`activate answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  async isSignedIn(auth: Auth): Promise<boolean> {
    return (await this.request("GET", "/v1/me", auth)).status === 200;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]();
    await this.mailbox[Symbol.asyncDispose]();
  }
}

export function newEmail(): string {
  return `${randomUUID()}@example.com`;
}

export function tokenOf(link: string): string {
  return new URL(link).searchParams.get("token") ?? "";
}

/** Of an id as answers have it. */
export function uuidOf(id: string | undefined): string {
  return idToUuid((id ?? "") as Id<"user">);
}
