/** The running host agent: recovers what it finds, serves, and lets go of its machines when it stops. */
import type { JoinRequest } from "@wrenn/runtime/host-questions";
import type { ProcessLock } from "@wrenn/runtime/process-lock";
import { hostFacts } from "./enrol-host.ts";
import type { EnrolOptions } from "./enrolment/enrolment.ts";
import { Membership } from "./enrolment/membership.ts";
import type { HostContext } from "./host.ts";
import { lockInstance } from "./instance-lock.ts";
import { type Chores, startChores } from "./machines/chores.ts";
import { recover } from "./machines/recover.ts";
import { connectedNetworks } from "./network/connected.ts";
import { enableForwarding } from "./network/forwarding.ts";
import { hostRules, hostTable } from "./network/rules.ts";
import { applyHostRules } from "./network/slot.ts";
import { RpcServer } from "./rpc/server.ts";

export interface HostAgentOptions {
  /** of a host that shall enrol first */
  readonly enrolment: Omit<EnrolOptions, "file"> | undefined;
  /** The control plane that the host is enrolled at has deleted it. */
  readonly deleted: () => void;
}

export class HostAgent {
  readonly #host: HostContext;
  readonly #rpc: RpcServer;
  readonly #lock: ProcessLock;
  readonly #chores: Chores;
  readonly #membership: Membership;

  private constructor(host: HostContext, rpc: RpcServer, membership: Membership, lock: ProcessLock) {
    this.#host = host;
    this.#rpc = rpc;
    this.#membership = membership;
    this.#lock = lock;
    this.#chores = startChores(host);
  }

  /**
   * @throws already_running when another host agent works on the same state folder, port_in_use, connection_lost, and what the
   * control plane answered
   */
  static async start(host: HostContext, { enrolment, deleted }: HostAgentOptions): Promise<HostAgent> {
    const lock = await lockInstance(host.layout);
    enableForwarding();
    await applyHostRules(
      hostTable(host.layout.instance),
      hostRules(host.layout.instance, { resolver: host.resolver, neighbours: connectedNetworks() }),
    );
    await host.templates.sweep();
    await host.snapshots.sweep();
    await recover(host);
    const controllers = await host.cgroups.controllers();
    if (!controllers.includes("memory"))
      host.logger.warn({ controllers }, "VMMs run without memory limits of their own");
    host.slots.fill();
    host.warmPool.fill();
    const server = new RpcServer(host);
    const { layout, config, logger } = host;
    const { supervised, listen } = config;
    const file = layout.hostCredentialsFile;
    const membership = new Membership({ file, supervised, listen, server, logger, deleted });
    await membership.open(enrolment);
    return new HostAgent(host, server, membership, lock);
  }

  /** Enrols at the control plane of this box, or goes on with what it has. @throws what the control plane answered, connection_lost */
  async join(request: JoinRequest): Promise<void> {
    await this.#membership.join(request, await hostFacts(this.#host.layout.dir));
  }

  /** Capsules live on; the next start adopts them. */
  async close(): Promise<void> {
    await this.#membership.close();
    await this.#chores.stop();
    await this.#rpc.close();
    await this.#host.sampler.save();
    await this.#host.warmPool.close();
    for (const { live } of this.#host.machines.list()) {
      live?.vm.detach();
      live?.guest.close();
    }
    await this.#host.slots.close();
    await this.#lock.release();
  }
}
