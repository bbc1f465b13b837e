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
/** After a heartbeat that failed; then twice as long each time, up to the usual. */
const FIRST_RETRY_MS = 500;

/** What the host says of itself when it enrols. */
export type HostFacts = Omit<RegisterHost, "token" | "csr">;

export interface EnrolOptions {
  /** of the credentials */
  readonly file: string;
  /** URL */
  readonly controlPlane: string;
  readonly token: string;
  readonly facts: HostFacts;
  /** by whoever starts both on one box */
  readonly local?: boolean;
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
export async function enrol(options: EnrolOptions): Promise<void> {
  const kept = await readCredentials(options.file);
  if (kept?.registered_with !== hash(options.token)) await enrolAnew(options);
}

/** Whatever the host has. @throws as `enrol` does */
export async function enrolAnew(options: EnrolOptions): Promise<HostCredentials> {
  const { file, controlPlane, token, facts, local = false } = options;
  const { keyPem, csrPem: csr } = newCertificateRequest();
  const answer = await api.register(controlPlane, { ...facts, token, csr });
  const own = {
    key_pem: keyPem,
    control_plane: controlPlane,
    address: facts.address,
    local,
    registered_with: hash(token),
  };
  const credentials = { ...given(answer), ...own };
  await writeCredentials(file, credentials);
  return credentials;
}

/** What of an answer is kept. */
function given({ host, token, refresh_token, cert_pem, ca_cert_pem }: Answer) {
  return { host_id: host.id, token, refresh_token, cert_pem, ca_cert_pem };
}

export class Enrolment {
  #credentials: HostCredentials;
  readonly #options: KeepOptions;
  readonly #closing = new AbortController();
  #done: Promise<void> = Promise.resolve();

  private constructor(credentials: HostCredentials, options: KeepOptions) {
    this.#credentials = credentials;
    this.#options = options;
  }

  /** Shows that the host lives, at once and then at intervals, until it is closed. */
  static keep(credentials: HostCredentials, options: KeepOptions): Enrolment {
    const enrolment = new Enrolment(credentials, options);
    enrolment.#done = enrolment.#run();
    return enrolment;
  }

  /**
   * The same, once the control plane has shown that it takes the credentials; undefined when it does not.
   * @throws connection_lost
   */
  static async keepIfGood(credentials: HostCredentials, options: KeepOptions): Promise<Enrolment | undefined> {
    const enrolment = new Enrolment(credentials, options);
    try {
      await enrolment.#beat();
    } catch (error) {
      if (hasCode(error, "unauthorized", "forbidden", "not_found")) return undefined;
      throw error;
    }
    enrolment.#done = enrolment.#pause(options.heartbeatMs ?? HEARTBEAT_MS).then(() => enrolment.#run());
    return enrolment;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { logger, heartbeatMs = HEARTBEAT_MS } = this.#options;
    let problem: string | undefined;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        await this.#beat();
        problem = undefined;
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (hasCode(error, "not_found")) return this.#end();
        const known = WrennError.from(error);
        // Once each: it may go on for days.
        if (known.code !== problem)
          logger.warn({ event: "heartbeat_failed", code: known.code, err: known }, known.message);
        problem = known.code;
      }
      await this.#pause(problem === undefined ? heartbeatMs : Math.min(retryMs, heartbeatMs));
      if (problem !== undefined) retryMs *= 2;
    }
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }

  /** @throws not_found when the host was deleted; unauthorized when it cannot even renew what it has */
  async #beat(): Promise<void> {
    if (renewalDue(this.#credentials, Date.now())) await this.#renew().catch(this.#notRenewed);
    try {
      await this.#show();
    } catch (error) {
      if (!hasCode(error, "unauthorized", "forbidden")) throw error;
      await this.#renew();
      await this.#show();
    }
  }

  #show(): Promise<void> {
    const { control_plane: url, host_id: id, token, address } = this.#credentials;
    return api.heartbeat(url, id, token, { address });
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

  async #end(): Promise<void> {
    this.#options.logger.error({ event: "host_deleted" }, "the control plane has deleted this host");
    await removeCredentials(this.#options.file);
    this.#options.deleted();
  }
}
