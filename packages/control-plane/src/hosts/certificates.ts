/** The platform's certificates, made when they are first needed. Every control plane of an installation has the same authority. */
import { X509Certificate } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { fingerprintHex } from "@wrenn/protocol/host-tls";
import { readOrMakeFile } from "@wrenn/runtime/atomic-file";
import { parseJson } from "@wrenn/runtime/json";
import { z } from "zod";
import type { AuthorityPem } from "./authority-pem.ts";
import { Signing } from "./signing.ts";

/** What is shown to hosts when a connection is made. */
export interface ClientCredentials {
  readonly cert: string;
  readonly key: string;
  /** whom the certificates of hosts have to be from */
  readonly ca: string;
}

export interface IssuedToHost {
  readonly certPem: string;
  readonly caPem: string;
  /** SHA-256, hex */
  readonly fingerprint: string;
}

const fileSchema = z.object({ cert_pem: z.string(), key_pem: z.string() });
/** Half of its life: whatever keeps it from being renewed has as long again to pass. */
const RENEW_AFTER_MS = 12 * 3_600_000;

export class Certificates implements Disposable {
  readonly #given: AuthorityPem | undefined;
  readonly #file: string;
  readonly #signing = new Signing();
  #authority: Promise<AuthorityPem> | undefined;
  #client: { readonly made: number; readonly credentials: Promise<ClientCredentials> } | undefined;

  /** @param given the authority of the configuration. @param file holds one that is made, where none is given */
  constructor(given: AuthorityPem | undefined, file: string) {
    this.#given = given;
    this.#file = file;
  }

  /** @throws invalid_request for a request that cannot be signed; config_invalid */
  async issueHost(csr: string, host: { id: string; address: string }): Promise<IssuedToHost> {
    const { certPem, caPem } = await this.#signing.issueHost(await this.open(), csr, host);
    return { certPem, caPem, fingerprint: fingerprintHex(new X509Certificate(certPem).fingerprint256) };
  }

  /** For a new connection; connections that exist keep what they were made with. @throws config_invalid */
  client(): Promise<ClientCredentials> {
    const now = Date.now();
    if (this.#client === undefined || now - this.#client.made >= RENEW_AFTER_MS) {
      const credentials = this.#issueClient();
      const made = { made: now, credentials };
      this.#client = made;
      credentials.catch(() => {
        if (this.#client === made) this.#client = undefined;
      });
    }
    return this.#client.credentials;
  }

  async #issueClient(): Promise<ClientCredentials> {
    const { certPem, keyPem = "", caPem } = await this.#signing.issueClient(await this.open());
    return { cert: certPem, key: keyPem, ca: caPem };
  }

  [Symbol.dispose](): void {
    this.#signing[Symbol.dispose]();
  }

  /** The authority, made where there is none. @throws config_invalid */
  open(): Promise<AuthorityPem> {
    this.#authority ??= this.#load();
    this.#authority.catch(() => {
      this.#authority = undefined;
    });
    return this.#authority;
  }

  async #load(): Promise<AuthorityPem> {
    return this.#given ?? readOrMake(this.#file, () => this.#signing.makeAuthority());
  }
}

/** @throws config_invalid when the file holds something else */
async function readOrMake(file: string, make: () => Promise<AuthorityPem>): Promise<AuthorityPem> {
  const text = await readOrMakeFile(file, async () => {
    const { certPem, keyPem } = await make();
    return `${JSON.stringify({ cert_pem: certPem, key_pem: keyPem })}\n`;
  });
  return parseAuthority(text, file);
}

/** @param text of the file. @throws config_invalid when it is something else */
export function parseAuthority(text: string, file: string): AuthorityPem {
  const { data } = fileSchema.safeParse(parseJson(text));
  if (data === undefined) {
    throw new WrennError(
      "config_invalid",
      `${file} does not hold the certificate authority: put it back from a backup`,
    );
  }
  return { certPem: data.cert_pem, keyPem: data.key_pem };
}
