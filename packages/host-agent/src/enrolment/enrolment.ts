/**
 * The host's place in the platform: it enrols once with a token, shows that it lives, and renews what it proves itself with. A
 * control plane that does not answer changes nothing for the capsules of the host.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { HostCredentials as Answer, RegisterHost } from "@wrenn/protocol/rest/hosts";
import type { Logger } from "@wrenn/runtime/logger";
import type { TlsCredentials } from "../rpc/tls-server.ts";
import * as api from "./control-plane-api.ts";
import {
  type HostCredentials,
  readCredentials,
  removeCredentials,
  renewalDue,
  writeCredentials,
} from "./credentials.ts";
import { newCertificateRequest } from "./request.ts";

const HEARTBEAT_MS = 30_000;

/** What the host says of itself when it enrols. */
export type HostFacts = Omit<RegisterHost, "token" | "csr">;

export interface EnrolOptions {
  /** of the credentials */
  readonly file: string;
  /** URL */
  readonly controlPlane: string;
  readonly token: string;
  readonly facts: HostFacts;
}

export interface KeepOptions {
  readonly file: string;
  readonly logger: Logger;
  readonly heartbeatMs?: number;
  /** New connections shall use these. */
  renewed(credentials: TlsCredentials): void;
  /** The control plane has deleted this host; its credentials are gone. */
  deleted(): void;
}

function hash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

export function tlsOf({ cert_pem: certPem, key_pem: keyPem, ca_cert_pem: caPem }: HostCredentials): TlsCredentials {
  return { certPem, keyPem, caPem };
}

/**
 * Enrols the host, unless this very token has done so before.
 * @throws what the control plane answered, connection_lost, config_invalid
 */
export async function enrol({ file, controlPlane, token, facts }: EnrolOptions): Promise<void> {
  const kept = await readCredentials(file);
  if (kept?.registered_with === hash(token)) return;
  const { keyPem, csrPem: csr } = newCertificateRequest();
  const answer = await api.register(controlPlane, { ...facts, token, csr });
  const own = { key_pem: keyPem, control_plane: controlPlane, address: facts.address, registered_with: hash(token) };
  await writeCredentials(file, { ...given(answer), ...own });
}

/** What of an answer is kept. */
function given({ host, token, refresh_token, cert_pem, ca_cert_pem }: Answer) {
  return { host_id: host.id, token, refresh_token, cert_pem, ca_cert_pem };
}

export class Enrolment {
  #credentials: HostCredentials;
  readonly #options: KeepOptions;
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;

  private constructor(credentials: HostCredentials, options: KeepOptions) {
    this.#credentials = credentials;
    this.#options = options;
    this.#done = this.#run();
  }

  /** Shows that the host lives, at once and then at intervals, until it is closed. */
  static keep(credentials: HostCredentials, options: KeepOptions): Enrolment {
    return new Enrolment(credentials, options);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { logger, heartbeatMs = HEARTBEAT_MS } = this.#options;
    let problem: string | undefined;
    while (!signal.aborted) {
      try {
        if (!(await this.#beat())) return;
        problem = undefined;
      } catch (error) {
        const known = WrennError.from(error);
        // Once each: it may go on for days.
        if (known.code !== problem)
          logger.warn({ event: "heartbeat_failed", code: known.code, err: known }, known.message);
        problem = known.code;
      }
      await sleep(heartbeatMs, undefined, { signal }).catch(() => {});
    }
  }

  /** False when the host was deleted. */
  async #beat(): Promise<boolean> {
    const { control_plane: url, host_id: id } = this.#credentials;
    if (renewalDue(this.#credentials, Date.now())) await this.#renew().catch(this.#notRenewed);
    try {
      await api.heartbeat(url, id, this.#credentials.token);
    } catch (error) {
      if (hasCode(error, "not_found")) return this.#end();
      if (!hasCode(error, "unauthorized", "forbidden")) throw error;
      await this.#renew();
      await api.heartbeat(url, id, this.#credentials.token);
    }
    return true;
  }

  /** There is time: the next heartbeat tries again. */
  readonly #notRenewed = (error: unknown): void => {
    this.#options.logger.warn({ event: "renewal_failed", err: error });
  };

  async #renew(): Promise<void> {
    const { control_plane: url, refresh_token } = this.#credentials;
    const { keyPem, csrPem: csr } = newCertificateRequest();
    const answer = await api.refresh(url, { refresh_token, csr });
    const credentials = { ...this.#credentials, ...given(answer), key_pem: keyPem };
    await writeCredentials(this.#options.file, credentials);
    this.#credentials = credentials;
    this.#options.renewed(tlsOf(credentials));
    this.#options.logger.info({ event: "credentials_renewed" });
  }

  async #end(): Promise<boolean> {
    this.#options.logger.error({ event: "host_deleted" }, "the control plane has deleted this host");
    await removeCredentials(this.#options.file);
    this.#options.deleted();
    return false;
  }
}
