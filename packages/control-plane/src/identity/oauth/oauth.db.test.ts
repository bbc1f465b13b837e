import { randomInt, randomUUID } from "node:crypto";
import type { Auth, Me } from "@wrenn/protocol/rest/accounts";
import { and, eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLogs, userIdentities, users } from "../../db/schema.ts";
import { FakeGithub, type GithubPerson } from "../../testing/fake-github.ts";
import { newEmail, PASSWORD, People, uuidOf } from "../../testing/people.ts";
import { ENGINES } from "../../testing/postgres.ts";

/** A browser: it keeps cookies and follows no redirect by itself. */
class Browser {
  readonly cookies = new Map<string, string>();

  async get(url: string, headers: Record<string, string> = {}): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { redirect: "manual", headers: { ...headers, cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [pair = "", ...flags] = line.split("; ");
      const [name = "", value = ""] = pair.split("=");
      if (flags.includes("Max-Age=0")) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }

  cookie(name: string): string | undefined {
    const value = this.cookies.get(name);
    return value === undefined ? undefined : decodeURIComponent(value);
  }
}

const DASHBOARD = "https://app.example.com";

describe.each(ENGINES)("GitHub on PostgreSQL $name", (engine) => {
  let people: People;
  let github: FakeGithub;

  beforeAll(async () => {
    github = await FakeGithub.start();
    people = await People.start(engine);
    await people.restart({ github: github.config, dashboardUrl: DASHBOARD });
  }, 60_000);
  afterAll(async () => {
    await people[Symbol.asyncDispose]();
    await github[Symbol.asyncDispose]();
  });

  const newPerson = (email = newEmail()): GithubPerson => ({
    id: randomInt(1, 2 ** 40),
    login: "octo",
    name: "Octo Cat",
    email,
    verified: true,
  });

  /** Where the browser is sent, in this process: the public address leads nowhere in a test. */
  const here = ({ pathname, search }: URL) => people.platform.url + pathname + search;
  const begin = async (browser: Browser, intent: string) => {
    const { headers } = await browser.get(`${people.platform.url}/auth/oauth/github?intent=${intent}`);
    return headers.get("location") ?? "";
  };
  const land = async (browser: Browser, back: URL) => (await browser.get(here(back))).headers.get("location");

  async function enter(browser: Browser, intent: string, person: GithubPerson): Promise<string | null> {
    return land(browser, github.allow(await begin(browser, intent), person));
  }

  function authOf(browser: Browser): Auth {
    const [token, user_id, team_id, email, name] = ["token", "user_id", "team_id", "email", "name"].map(
      (field) => browser.cookie(`wrenn_oauth_${field}`) ?? "",
    );
    return { token: token ?? "", user_id: user_id ?? "", team_id: team_id ?? "", email: email ?? "", name: name ?? "" };
  }

  async function signUp(person = newPerson()): Promise<Auth> {
    const browser = new Browser();
    await enter(browser, "signup", person);
    return authOf(browser);
  }

  async function connectUrl(browser: Browser, auth: Auth): Promise<string> {
    const url = `${people.platform.url}/v1/me/providers/github/connect`;
    const response = await browser.get(url, { authorization: `Bearer ${auth.token}` });
    return ((await response.json()) as { auth_url: string }).auth_url;
  }

  const connect = async (auth: Auth, person: GithubPerson) => {
    const browser = new Browser();
    return land(browser, github.allow(await connectUrl(browser, auth), person));
  };
  const providersOf = async (auth: Auth) => (await people.request<Me>("GET", "/v1/me", auth)).body.providers;
  const disconnect = (auth: Auth) => people.request("DELETE", "/v1/me/providers/github", auth);

  const failsWith = (error: string) => `${DASHBOARD}/auth/github/callback?error=${error}`;

  describe("signing in", () => {
    it("makes an account when it is asked to, and finds it again whatever the address is then", async () => {
      const [browser, person] = [new Browser(), newPerson()];
      expect(await enter(browser, "signup", person)).toBe(`${DASHBOARD}/auth/github/callback`);
      const auth = authOf(browser);
      expect(auth).toMatchObject({ email: person.email, name: "Octo Cat" });
      expect(browser.cookie("wrenn_oauth_new_signup")).toBe("1");
      expect(browser.cookie("oauth_state")).toBeUndefined();
      expect((await people.request<Me>("GET", "/v1/me", auth)).body).toMatchObject({
        email: person.email,
        team_id: auth.team_id,
        role: "owner",
        has_password: false,
        providers: ["github"],
      });
      const again = new Browser();
      await enter(again, "login", { ...person, email: newEmail() });
      expect(authOf(again)).toMatchObject({ user_id: auth.user_id, email: person.email });
      expect(again.cookie("wrenn_oauth_new_signup")).toBeUndefined();
      const entries = await people.platform.db.queries
        .select()
        .from(auditLogs)
        .where(eq(auditLogs.actorId, auth.user_id));
      expect(entries.map(({ action }) => action).toSorted()).toEqual(["login", "signup"]);
    });

    it("asks GitHub for the address only, and comes back to the public address", async () => {
      const url = new URL(await begin(new Browser(), "login"));
      expect(url.origin + url.pathname).toBe(`${github.config.url}/login/oauth/authorize`);
      expect(Object.fromEntries(url.searchParams)).toMatchObject({
        client_id: "our-id",
        scope: "user:email",
        redirect_uri: "https://wrenn.example.com/auth/oauth/github/callback",
        code_challenge_method: "S256",
      });
    });

    it("hides its own cookies from scripts, and hands over the others for a minute", async () => {
      const browser = new Browser();
      const sent = await browser.get(`${people.platform.url}/auth/oauth/github?intent=signup`);
      expect(sent.headers.getSetCookie()).toEqual([
        expect.stringMatching(/^oauth_state=[^;]+; Path=\/; Max-Age=600; SameSite=Lax; HttpOnly; Secure$/),
      ]);
      const back = await browser.get(here(github.allow(sent.headers.get("location") ?? "", newPerson())));
      const handed = back.headers.getSetCookie().filter((line) => line.startsWith("wrenn_oauth_"));
      expect(handed).toHaveLength(6);
      for (const line of handed) expect(line).toMatch(/; Path=\/auth\/; Max-Age=60; SameSite=Lax; Secure$/);
    });

    it("works once for each time that the browser is sent there", async () => {
      const browser = new Browser();
      const back = github.allow(await begin(browser, "signup"), newPerson());
      expect(await land(browser, back)).toBe(`${DASHBOARD}/auth/github/callback`);
      expect(await land(browser, back)).toBe(failsWith("invalid_state"));
    });

    it("works once also for who keeps the cookie", async () => {
      const browser = new Browser();
      const url = await begin(browser, "signup");
      const kept = browser.cookies.get("oauth_state") ?? "";
      expect(await land(browser, github.allow(url, newPerson()))).toBe(`${DASHBOARD}/auth/github/callback`);
      const again = new Browser();
      again.cookies.set("oauth_state", kept);
      expect(await land(again, github.allow(url, newPerson()))).toBe(failsWith("invalid_state"));
    });

    it("calls nobody what no name may be", async () => {
      const person = { ...newPerson(), name: "Prize at https://evil.example" };
      expect((await signUp(person)).name).toBe("octo");
    });

    it("makes no account when it is only asked to sign in", async () => {
      const person = newPerson();
      const browser = new Browser();
      expect(await enter(browser, "login", person)).toBe(failsWith("no_account"));
      expect(browser.cookies.size).toBe(0);
      expect(await people.platform.db.queries.select().from(users).where(eq(users.email, person.email))).toEqual([]);
    });

    it("takes over no account with the same address, but one that nobody activated", async () => {
      const { email } = await people.join();
      expect(await enter(new Browser(), "signup", newPerson(email))).toBe(failsWith("email_taken"));
      const unproven = newEmail();
      await people.signUp(unproven);
      const auth = await signUp(newPerson(unproven));
      expect(auth.email).toBe(unproven);
      expect((await people.logIn(unproven, PASSWORD)).status).toBe(401);
    });

    it("is refused to who was disabled", async () => {
      const person = newPerson();
      const { user_id } = await signUp(person);
      await people.platform.db.queries
        .update(users)
        .set({ status: "disabled" })
        .where(eq(users.id, uuidOf(user_id)));
      expect(await enter(new Browser(), "login", person)).toBe(failsWith("account_deactivated"));
    });

    it("takes no address that GitHub has not verified", async () => {
      const person = { ...newPerson(), verified: false };
      expect(await enter(new Browser(), "signup", person)).toBe(failsWith("exchange_failed"));
    });

    it.each([
      ["another browser", "invalid_state", (back: URL) => [new Browser(), back] as const],
      [
        "a state that was changed",
        "invalid_state",
        (back: URL, browser: Browser) => [browser, change(back, "state")] as const,
      ],
      [
        "a code that was changed",
        "exchange_failed",
        (back: URL, browser: Browser) => [browser, change(back, "code")] as const,
      ],
      ["no code", "missing_code", (back: URL, browser: Browser) => [browser, without(back, "code")] as const],
    ])("is refused with %s", async (_what, error, alter) => {
      const browser = new Browser();
      const back = github.allow(await begin(browser, "signup"), newPerson());
      const [comingBack, url] = alter(back, browser);
      expect(await land(comingBack, url)).toBe(failsWith(error));
    });

    it("is refused with another intent than the browser was sent with", async () => {
      const browser = new Browser();
      const back = github.allow(await begin(browser, "login"), newPerson());
      browser.cookies.set("oauth_state", (browser.cookies.get("oauth_state") ?? "").replace(/login$/, "signup"));
      expect(await land(browser, back)).toBe(failsWith("invalid_state"));
    });

    it("tells of who changes their mind at GitHub", async () => {
      const browser = new Browser();
      const back = without(github.allow(await begin(browser, "login"), newPerson()), "code");
      back.searchParams.set("error", "access_denied");
      expect(await land(browser, back)).toBe(failsWith("access_denied"));
    });

    it("knows no other provider", async () => {
      const { status, body } = await people.request("GET", "/auth/oauth/gitlab");
      expect([status, body.error.code]).toEqual([404, "provider_not_found"]);
      expect((await people.request("GET", "/v1/me/providers/gitlab/connect", await people.join())).status).toBe(404);
    });
  });

  describe("connecting", () => {
    const settings = (query: string) => `${DASHBOARD}/dashboard/settings?${query}`;

    it("adds a way to sign in, which can be taken away again", async () => {
      const [auth, person] = [await people.join(), newPerson()];
      expect(await connect(auth, person)).toBe(settings("connected=github"));
      expect(await providersOf(auth)).toEqual(["github"]);
      const browser = new Browser();
      await enter(browser, "login", person);
      expect(authOf(browser).user_id).toBe(auth.user_id);
      expect(await connect(auth, person)).toBe(settings("connected=github"));
      expect((await disconnect(auth)).status).toBe(204);
      expect(await providersOf(auth)).toEqual([]);
      expect((await disconnect(auth)).status).toBe(404);
    });

    it("is refused for an account that is somebody's, and for a second one", async () => {
      const [auth, person] = [await people.join(), newPerson()];
      await signUp(person);
      expect(await connect(auth, person)).toBe(settings("connect_error=already_linked"));
      await connect(auth, newPerson());
      expect(await connect(auth, newPerson())).toBe(settings("connect_error=already_linked"));
      const entries = await people.platform.db.queries
        .select()
        .from(auditLogs)
        .where(and(eq(auditLogs.actorId, auth.user_id), eq(auditLogs.action, "connect_provider")))
        .orderBy(auditLogs.createdAt);
      const refused = { status: "warning", metadata: { provider: "github", reason: "already_linked" } };
      const done = { status: "success", metadata: { provider: "github" } };
      expect(entries.map(({ status, metadata }) => ({ status, metadata }))).toEqual([refused, done, refused]);
    });

    it("is only for the browser and the session that began it", async () => {
      const [auth, other] = [await people.join(), await people.join()];
      const [browser, others] = [new Browser(), new Browser()];
      const back = github.allow(await connectUrl(browser, auth), newPerson());
      await connectUrl(others, other);
      const stolen = others.cookies.get("oauth_link_user_id") ?? "";
      const mixed = new Browser();
      for (const [name, value] of browser.cookies) mixed.cookies.set(name, value);
      mixed.cookies.set("oauth_link_user_id", stolen);
      expect(await land(mixed, back)).toBe(settings("connect_error=invalid_state"));

      const again = new Browser();
      const late = github.allow(await connectUrl(again, auth), newPerson());
      await people.request("POST", "/v1/auth/logout", auth);
      expect(await land(again, late)).toBe(settings("connect_error=invalid_state"));
      expect(
        await people.platform.db.queries
          .select()
          .from(userIdentities)
          .where(eq(userIdentities.userId, uuidOf(auth.user_id))),
      ).toEqual([]);
    });

    it("cannot be undone by who could not sign in any more", async () => {
      const auth = await signUp();
      expect((await disconnect(auth)).body.error.code).toBe("last_login_method");
      const password = { new_password: PASSWORD, confirm_password: PASSWORD };
      expect((await people.post("/v1/me/password", password, auth)).status).toBe(204);
      expect((await disconnect(auth)).status).toBe(204);
    });

    it("makes the account free for others when its user goes", async () => {
      const person = newPerson();
      const auth = await signUp(person);
      await people.request("DELETE", "/v1/me", auth, { confirmation: person.email });
      expect((await signUp(person)).user_id).not.toBe(auth.user_id);
    });
  });
});

function change(url: URL, parameter: string): URL {
  const changed = new URL(url);
  changed.searchParams.set(parameter, randomUUID());
  return changed;
}

function without(url: URL, parameter: string): URL {
  const changed = new URL(url);
  changed.searchParams.delete(parameter);
  return changed;
}
