/** A server that stands for GitHub: it knows one person at a time, and checks what GitHub checks. */
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { GithubConfig } from "../identity/oauth/github.ts";

export interface GithubPerson {
  readonly id: number;
  readonly login: string;
  readonly name: string | null;
  readonly email: string;
  readonly verified: boolean;
}

interface Grant {
  readonly person: GithubPerson;
  readonly challenge: string | null;
  readonly redirectUri: string | null;
}

export class FakeGithub implements AsyncDisposable {
  readonly #server: Server;
  readonly #codes = new Map<string, Grant>();
  readonly #tokens = new Map<string, GithubPerson>();

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, reply) => void this.#serve(request, reply));
  }

  static async start(): Promise<FakeGithub> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FakeGithub(server);
  }

  get config(): GithubConfig {
    const { port } = this.#server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    return { clientId: "our-id", clientSecret: "our-secret", url, apiUrl: `${url}/api` };
  }

  /** The person allows what `authUrl` asks for. Returns the address that GitHub sends the browser back to. */
  allow(authUrl: string, person: GithubPerson): URL {
    const { searchParams: asked } = new URL(authUrl);
    const code = randomUUID();
    const redirectUri = asked.get("redirect_uri");
    this.#codes.set(code, { person, challenge: asked.get("code_challenge"), redirectUri });
    const back = new URL(redirectUri ?? "");
    back.searchParams.set("code", code);
    back.searchParams.set("state", asked.get("state") ?? "");
    return back;
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const answer = await this.#answer(request);
    reply.writeHead(answer === undefined ? 401 : 200, { "content-type": "application/json" });
    reply.end(JSON.stringify(answer ?? {}));
  }

  async #answer(request: IncomingMessage): Promise<object | undefined> {
    if (request.url === "/login/oauth/access_token") return this.#exchange(request);
    const person = this.#tokens.get(request.headers.authorization?.replace("Bearer ", "") ?? "");
    if (person === undefined) return undefined;
    const { email, verified, ...user } = person;
    if (request.url === "/api/user") return user;
    const other = { email: `other-${email}`, primary: false, verified: true };
    return request.url === "/api/user/emails" ? [other, { email, primary: true, verified }] : undefined;
  }

  async #exchange(request: IncomingMessage): Promise<object | undefined> {
    const body = new URLSearchParams(await text(request));
    const basic = `Basic ${Buffer.from("our-id:our-secret").toString("base64")}`;
    const code = body.get("code") ?? "";
    const grant = this.#codes.get(code);
    this.#codes.delete(code);
    const challenge = createHash("sha256")
      .update(body.get("code_verifier") ?? "")
      .digest("base64url");
    const fits = grant?.challenge === challenge && grant.redirectUri === body.get("redirect_uri");
    if (request.headers.authorization !== basic || grant === undefined || !fits)
      return { error: "bad_verification_code" };
    const token = randomUUID();
    this.#tokens.set(token, grant.person);
    return { access_token: token, token_type: "bearer", scope: "user:email" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
