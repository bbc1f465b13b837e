/** The running host agent: recovers what it finds, serves, and lets go of its machines when it stops. */
import type { ProcessLock } from "@wrenn/runtime/process-lock";
import type { HostContext } from "./host.ts";
import { lockInstance } from "./instance-lock.ts";
import { type Chores, startChores } from "./machines/chores.ts";
import { recover } from "./machines/recover.ts";
import { connectedNetworks } from "./network/connected.ts";
import { enableForwarding } from "./network/forwarding.ts";
import { hostRules, hostTable } from "./network/rules.ts";
import { applyHostRules } from "./network/slot.ts";
import { type RpcServer, serveRpc } from "./rpc/server.ts";

export class HostAgent {
  readonly #host: HostContext;
  readonly #rpc: RpcServer;
  readonly #lock: ProcessLock;
  readonly #chores: Chores;

  private constructor(host: HostContext, rpc: RpcServer, lock: ProcessLock) {
    this.#host = host;
    this.#rpc = rpc;
    this.#lock = lock;
    this.#chores = startChores(host);
  }

  /** @throws already_running when another host agent works on the same state folder */
  static async start(host: HostContext): Promise<HostAgent> {
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
    return new HostAgent(host, await serveRpc(host), lock);
  }

  /** Capsules live on; the next start adopts them. */
  async close(): Promise<void> {
    await this.#chores.stop();
    await this.#rpc.close();
    await this.#host.warmPool.close();
    for (const { live } of this.#host.machines.list()) {
      live?.vm.detach();
      live?.guest.close();
    }
    await this.#host.slots.close();
    await this.#lock.release();
  }
}
