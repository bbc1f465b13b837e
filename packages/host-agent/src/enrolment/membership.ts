/** What a host shows to the network: nothing until it is enrolled, then a server of TLS, with what it proves itself with kept fresh. */
import { hasCode, WrennError } from "@wrenn/protocol/errors";
import type { JoinRequest } from "@wrenn/runtime/host-questions";
import { type ListenAddress, parseListenAddress } from "@wrenn/runtime/listen-address";
import type { Logger } from "@wrenn/runtime/logger";
import type { NetworkServer } from "../rpc/server.ts";
import { type HostCredentials, readCredentials, writeCredentials } from "./credentials.ts";
import {
  Enrolment,
  type EnrolOptions,
  enrol,
  enrolAnew,
  type HostFacts,
  type KeepOptions,
  tlsOf,
} from "./enrolment.ts";

export interface MembershipOptions {
  /** of the credentials */
  readonly file: string;
  /** what it needs to enrol comes with `join`, as often as it needs it */
  readonly supervised: boolean;
  /** where to listen; on all addresses, at the port that the host is reached at, when absent */
  readonly listen: ListenAddress | undefined;
  readonly server: NetworkServer;
  readonly logger: Logger;
  /** The control plane has deleted this host. */
  readonly deleted: () => void;
}

const LOOPBACK = "127.0.0.1";

export class Membership {
  readonly #options: MembershipOptions;
  #enrolment: Enrolment | undefined;
  /** on loopback, of a host whose control plane is on the same box */
  #localPort: Promise<number> | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /**
   * Serves its control plane with the credentials that are kept, or that it gets first.
   * @param enrolment of a host that shall enrol, unless its token did so before
   * @throws port_in_use, config_invalid, connection_lost, and what the control plane answered
   */
  async open(enrolment: Omit<EnrolOptions, "file"> | undefined): Promise<void> {
    const { file, server, logger, listen } = this.#options;
    const kept = await this.#read();
    const address = enrolment?.facts.address ?? kept?.address;
    if (address === undefined) return;
    if (enrolment === undefined && kept?.local === true) return this.#serveLocally(kept);
    // First, so that a token is not used up for a host that cannot serve.
    const port = await server.listen(listen ?? everywhereAt(address));
    if (enrolment !== undefined) await enrol({ ...enrolment, file });
    const credentials = await readCredentials(file);
    if (credentials === undefined) return;
    server.use(tlsOf(credentials));
    this.#enrolment = Enrolment.keep(credentials, this.#keepOptions());
    logger.info({
      event: "enrolled",
      host: credentials.host_id,
      address,
      port,
      controlPlane: credentials.control_plane,
    });
  }

  /**
   * The host gets to know the control plane of its own box, each time that either of them starts.
   * @throws invalid_state when it is enrolled elsewhere; connection_lost, and what the control plane answered
   */
  async join({ controlPlane, token, anew }: JoinRequest, facts: Omit<HostFacts, "address">): Promise<void> {
    const { file, server, logger } = this.#options;
    await this.#enrolment?.close();
    this.#enrolment = undefined;
    const kept = await this.#read();
    if (kept?.local === false) {
      const hint = "WRENN_LOCAL_HOST=0 leaves it to that one";
      throw new WrennError("invalid_state", `this box is a host of ${kept.control_plane} already: ${hint}`);
    }
    const port = await this.#listenLocally(kept);
    const address = `${LOOPBACK}:${port}`;
    if (kept !== undefined && !anew) {
      const credentials = { ...kept, control_plane: controlPlane, address };
      this.#enrolment = await Enrolment.keepIfGood(credentials, this.#keepOptions());
      if (this.#enrolment !== undefined) return;
    }
    const credentials = await enrolAnew({ file, controlPlane, token, facts: { ...facts, address }, local: true });
    server.use(tlsOf(credentials));
    this.#enrolment = await Enrolment.keepIfGood(credentials, this.#keepOptions());
    logger.info({ event: "enrolled", host: credentials.host_id, address, controlPlane });
  }

  async close(): Promise<void> {
    await this.#enrolment?.close();
  }

  /** A file that is damaged is as good as none where a token can be had for a new one. */
  async #read(): Promise<HostCredentials | undefined> {
    const { file, supervised, logger } = this.#options;
    return readCredentials(file).catch((error: unknown) => {
      if (!supervised) throw error;
      logger.warn({ event: "credentials_damaged", err: error });
      return undefined;
    });
  }

  /** The control plane may look for the host before it says that it is there: at the port that it had. */
  async #serveLocally(kept: HostCredentials): Promise<void> {
    this.#options.server.use(tlsOf(kept));
    await this.#listenLocally(kept);
  }

  /** At the port of before; at another one when somebody else has taken it, which is told with the next heartbeat. */
  #listenLocally(kept: HostCredentials | undefined): Promise<number> {
    this.#localPort ??= this.#listen(parseListenAddress(kept?.address ?? "")?.port ?? 0, kept);
    return this.#localPort;
  }

  async #listen(before: number, kept: HostCredentials | undefined): Promise<number> {
    const { file, server } = this.#options;
    const port = await server.listen({ host: LOOPBACK, port: before }).catch((error: unknown) => {
      if (!hasCode(error, "port_in_use")) throw error;
      return server.listen({ host: LOOPBACK, port: 0 });
    });
    if (kept !== undefined && port !== before)
      await writeCredentials(file, { ...kept, address: `${LOOPBACK}:${port}` });
    return port;
  }

  #keepOptions(): KeepOptions {
    const { file, logger, server, deleted } = this.#options;
    return { file, logger, deleted, renewed: (changed) => server.use(changed) };
  }
}

/** An address that is none is for the control plane to refuse. */
function everywhereAt(address: string): ListenAddress {
  return { host: "0.0.0.0", port: parseListenAddress(address)?.port ?? 0 };
}
