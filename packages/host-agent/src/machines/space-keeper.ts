/**
 * Keeps a full disk of the host from harming guests. While little room is left, file systems of guests take no more; a machine
 * whose write found no room all the same stands still, and goes on when there is some.
 */
import { hasCode } from "@wrenn/protocol/errors";
import { freeSpaceMb } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { exclusively } from "./exclusive.ts";
import { isRunning, type LiveMachine } from "./registry.ts";

const TIMEOUT_MS = 5000;

export class SpaceKeeper {
  readonly #host: HostContext;
  /** lives of machines that were told to take no more */
  readonly #told = new WeakSet<LiveMachine["live"]>();
  #looking = false;

  constructor(host: HostContext) {
    this.#host = host;
  }

  tick(): void {
    if (this.#looking) return;
    this.#looking = true;
    void this.#look()
      .catch((error: unknown) => this.#host.logger.error({ op: "space", err: error }, "cannot look after the disk"))
      .finally(() => {
        this.#looking = false;
      });
  }

  /** Half of what creates leave free is for machines that run; below it they take no more, and take again above two thirds. */
  async #look(): Promise<void> {
    const { layout, config, machines } = this.#host;
    const freeMb = await freeSpaceMb(layout.dir);
    const isLow = freeMb < config.minFreeDiskMb / 2;
    const isEnough = freeMb > (config.minFreeDiskMb * 2) / 3;
    const running = machines.list().filter(isRunning);
    if (isLow) await Promise.all(running.map((machine) => this.#tell(machine, true)));
    if (!isEnough) return;
    await Promise.all(running.filter(({ live }) => live.vm.isOutOfSpace).map(({ record }) => this.#goOn(record.id)));
    await Promise.all(running.map((machine) => this.#tell(machine, false)));
  }

  async #tell({ record, live }: LiveMachine, diskFull: boolean): Promise<void> {
    if (this.#told.has(live) === diskFull || live.vm.isOutOfSpace) return;
    try {
      await live.guest.init({ diskFull }, TIMEOUT_MS);
      if (diskFull) this.#told.add(live);
      else this.#told.delete(live);
      this.#host.logger.warn(
        { op: "space", id: record.id, diskFull },
        "told a guest whether the disk of the host is full",
      );
    } catch (error) {
      if (!hasCode(error, "guest_unreachable")) throw error;
    }
  }

  /** Not while somebody saves it, who wants it to stand still. */
  async #goOn(id: string): Promise<void> {
    await exclusively(this.#host, id, async () => {
      const machine = this.#host.machines.find(id);
      if (machine === undefined || !isRunning(machine) || !machine.live.vm.isOutOfSpace) return;
      await machine.live.vm.continue();
      this.#host.logger.warn({ op: "space", id }, "a machine that waited for room on the disk goes on");
    });
  }
}
