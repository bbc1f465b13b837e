/** What a host shows to the network: nothing until it is enrolled, then a server of TLS, with what it proves itself with kept fresh. */
import { type ListenAddress, parseListenAddress } from "@wrenn/runtime/listen-address";
import type { Logger } from "@wrenn/runtime/logger";
import type { NetworkServer } from "../rpc/server.ts";
import { type HostCredentials, readCredentials } from "./credentials.ts";
import { Enrolment, type EnrolOptions, enrol, tlsOf } from "./enrolment.ts";

export interface MembershipOptions {
  /** of the credentials */
  readonly file: string;
  /** where to listen; on all addresses, at the port that the host is reached at, when absent */
  readonly listen: ListenAddress | undefined;
  readonly server: NetworkServer;
  readonly logger: Logger;
  /** The control plane has deleted this host. */
  readonly deleted: () => void;
}

export class Membership {
  readonly #options: MembershipOptions;
  #enrolment: Enrolment | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /**
   * Serves its control plane with the credentials that are kept, or that it gets first.
   * @param enrolment of a host that shall enrol, unless its token did so before
   * @throws port_in_use, config_invalid, connection_lost, and what the control plane answered
   */
  async open(enrolment: Omit<EnrolOptions, "file"> | undefined): Promise<void> {
    const { file, server, logger } = this.#options;
    const kept = await readCredentials(file);
    const address = enrolment?.facts.address ?? kept?.address;
    if (address === undefined) return;
    // First, so that a token is not used up for a host that cannot serve.
    const port = await server.listen(this.#options.listen ?? everywhereAt(address));
    if (enrolment !== undefined) await enrol({ ...enrolment, file });
    const credentials = await readCredentials(file);
    if (credentials === undefined) return;
    this.#keep(credentials);
    logger.info({
      event: "enrolled",
      host: credentials.host_id,
      address,
      port,
      controlPlane: credentials.control_plane,
    });
  }

  async close(): Promise<void> {
    await this.#enrolment?.close();
  }

  #keep(credentials: HostCredentials): void {
    const { file, logger, server, deleted } = this.#options;
    server.use(tlsOf(credentials));
    this.#enrolment = Enrolment.keep(credentials, { file, logger, deleted, renewed: (changed) => server.use(changed) });
  }
}

/** An address that is none is for the control plane to refuse. */
function everywhereAt(address: string): ListenAddress {
  return { host: "0.0.0.0", port: parseListenAddress(address)?.port ?? 0 };
}
