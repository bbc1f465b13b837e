/** The running host agent: recovers what it finds, serves, and lets go of its machines when it stops. */
import type { ProcessLock } from "@wrenn/runtime/process-lock";
import { readCredentials } from "./enrolment/credentials.ts";
import { Enrolment, tlsOf } from "./enrolment/enrolment.ts";
import type { HostContext } from "./host.ts";
import { lockInstance } from "./instance-lock.ts";
import { type Chores, startChores } from "./machines/chores.ts";
import { recover } from "./machines/recover.ts";
import { connectedNetworks } from "./network/connected.ts";
import { enableForwarding } from "./network/forwarding.ts";
import { hostRules, hostTable } from "./network/rules.ts";
import { applyHostRules } from "./network/slot.ts";
import { type RpcServer, serveRpc } from "./rpc/server.ts";
import { createTlsServer, useCredentials } from "./rpc/tls-server.ts";

/** What others see of the host. */
interface Faces {
  readonly rpc: RpcServer;
  readonly enrolment: Enrolment | undefined;
}

/** A host that is not enrolled is there for this machine only. */
async function showFaces(host: HostContext, deleted: () => void): Promise<Faces> {
  const file = host.layout.hostCredentialsFile;
  const credentials = await readCredentials(file);
  if (credentials === undefined) return { rpc: await serveRpc(host), enrolment: undefined };
  const tls = createTlsServer(tlsOf(credentials));
  const rpc = await serveRpc(host, tls);
  const renewed = (changed: Parameters<typeof useCredentials>[1]) => useCredentials(tls, changed);
  return { rpc, enrolment: Enrolment.keep(credentials, { file, logger: host.logger, renewed, deleted }) };
}

export class HostAgent {
  readonly #host: HostContext;
  readonly #rpc: RpcServer;
  readonly #lock: ProcessLock;
  readonly #chores: Chores;
  readonly #enrolment: Enrolment | undefined;

  private constructor(host: HostContext, { rpc, enrolment }: Faces, lock: ProcessLock) {
    this.#host = host;
    this.#rpc = rpc;
    this.#enrolment = enrolment;
    this.#lock = lock;
    this.#chores = startChores(host);
  }

  /**
   * @param deleted is called when the control plane that the host is enrolled at has deleted it
   * @throws already_running when another host agent works on the same state folder
   */
  static async start(host: HostContext, deleted: () => void): Promise<HostAgent> {
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
    return new HostAgent(host, await showFaces(host, deleted), lock);
  }

  /** Capsules live on; the next start adopts them. */
  async close(): Promise<void> {
    await this.#enrolment?.close();
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
