/** Sign-in through GitHub, or a GitHub Enterprise Server. */
import { emailSchema, personName } from "@wrenn/protocol/rest/accounts";
import { CodeChallengeMethod, OAuth2Client } from "arctic";
import { z } from "zod";
import type { Links } from "../../mail/links.ts";
import type { ExternalAccount, OAuthProvider } from "./provider.ts";

export interface GithubConfig {
  readonly clientId: string;
  readonly clientSecret: string;
  /** e.g. https://github.com */
  readonly url: string;
  /** e.g. https://api.github.com */
  readonly apiUrl: string;
}

const SCOPES = ["user:email"];
const TIMEOUT_MS = 10_000;

const userSchema = z.object({ id: z.int(), login: z.string(), name: z.string().nullish() });
const emailsSchema = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }));

export class Github implements OAuthProvider {
  readonly #config: GithubConfig;
  readonly #links: Links;

  constructor(config: GithubConfig, links: Links) {
    this.#config = config;
    this.#links = links;
  }

  authorizationUrl(state: string, verifier: string): string {
    const endpoint = `${this.#config.url}/login/oauth/authorize`;
    const method = CodeChallengeMethod.S256;
    return this.#client().createAuthorizationURLWithPKCE(endpoint, state, method, verifier, SCOPES).toString();
  }

  async identify(code: string, verifier: string): Promise<ExternalAccount> {
    const endpoint = `${this.#config.url}/login/oauth/access_token`;
    const tokens = await inTime(this.#client().validateAuthorizationCode(endpoint, code, verifier));
    const token = tokens.accessToken();
    const [user, emails] = await Promise.all([
      this.#read("/user", token, userSchema),
      this.#read("/user/emails", token, emailsSchema),
    ]);
    const primary = emails.find((one) => one.primary && one.verified);
    return {
      subject: `${user.id}`,
      email: emailSchema.parse(primary?.email),
      name: personName.safeParse(user.name).data ?? user.login,
    };
  }

  /** Where GitHub sends the browser back to is known once the server listens. */
  #client(): OAuth2Client {
    const { clientId, clientSecret } = this.#config;
    return new OAuth2Client(clientId, clientSecret, this.#links.to("/auth/oauth/github/callback"));
  }

  async #read<Schema extends z.ZodType>(path: string, token: string, schema: Schema): Promise<z.infer<Schema>> {
    const response = await fetch(`${this.#config.apiUrl}${path}`, {
      headers: { authorization: `Bearer ${token}`, accept: "application/vnd.github+json", "user-agent": "wrenn" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`GitHub answers ${response.status} to ${path}`);
    return schema.parse(await response.json());
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("GitHub does not answer")));
  });
  return Promise.race([work, late]);
}
