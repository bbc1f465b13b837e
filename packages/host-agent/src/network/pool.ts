/**
 * Slots that are made before anybody asks, so that a create does not wait for `ip` and `nft`. A slot is used once:
 * its successor gets a fresh namespace, without the connections of the one before.
 */
import type { Logger } from "@wrenn/runtime/logger";
import { type SlotAddresses, slotAddresses } from "./addresses.ts";
import { NOBODY, type SlotClaims } from "./claims.ts";
import { createSlotNetwork, removeSlotNetwork } from "./slot.ts";

export interface SlotPoolOptions {
  readonly claims: SlotClaims;
  /** ready slots to keep */
  readonly target: number;
  readonly resolver: string | undefined;
  readonly logger: Logger;
}

export class SlotPool {
  readonly #options: SlotPoolOptions;
  readonly #ready: SlotAddresses[] = [];
  #filling: Promise<void> | undefined;
  readonly #removals = new Map<number, Promise<void>>();
  #closed = false;
  /** slots that are claimed and neither ready nor held yet */
  #inHand = 0;

  constructor(options: SlotPoolOptions) {
    this.#options = options;
  }

  /** A slot with its network, held for that machine. @throws no_free_slot */
  async acquire(holder: string): Promise<SlotAddresses> {
    this.#inHand++;
    try {
      const slot = this.#ready.shift() ?? (await this.#make());
      await this.#options.claims.assign(slot.slot, holder);
      this.fill();
      return slot;
    } finally {
      this.#inHand--;
    }
  }

  /**
   * The slot is nobody's from now on; its network is removed and its number given back in the background. Does nothing when the
   * machine does not hold it (any more).
   */
  async release(slot: SlotAddresses, holder: string): Promise<void> {
    const { claims } = this.#options;
    if (!(await claims.holds(slot.slot, holder))) return;
    await claims.assign(slot.slot, NOBODY);
    void this.#remove(slot);
  }

  /** Resolves when the networks of all released slots are gone. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals.values());
  }

  #remove(slot: SlotAddresses): Promise<void> {
    const removal = this.#removeNetwork(slot).finally(() => this.#removals.delete(slot.slot));
    this.#removals.set(slot.slot, removal);
    return removal;
  }

  /** A number whose network cannot be removed stays claimed, for nobody: the sweeper tries again. */
  async #removeNetwork(slot: SlotAddresses): Promise<void> {
    try {
      await removeSlotNetwork(slot);
      await this.#options.claims.release(slot.slot);
    } catch (error) {
      this.#options.logger.error({ slot: slot.slot, err: error }, "cannot remove the network of a slot");
    }
  }

  /** Whether the slot is ready for a machine or on its way out: claimed for nobody, and not for a sweep to take. */
  keeps(slot: number): boolean {
    return this.#removals.has(slot) || this.#ready.some((ready) => ready.slot === slot);
  }

  /** True while a slot is being made or handed out: it is claimed for nobody then. */
  get making(): boolean {
    return this.#inHand > 0;
  }

  /** Starts to make the slots that are missing, in the background. */
  fill(): void {
    this.#filling ??= this.#fillUp().finally(() => {
      this.#filling = undefined;
    });
  }

  async #fillUp(): Promise<void> {
    while (!this.#closed && this.#ready.length < this.#options.target) {
      this.#inHand++;
      try {
        this.#ready.push(await this.#make());
      } catch (error) {
        this.#options.logger.warn({ err: error }, "cannot make a network slot ahead of time");
        return;
      } finally {
        this.#inHand--;
      }
    }
  }

  async #make(): Promise<SlotAddresses> {
    const slot = slotAddresses(await this.#options.claims.claim());
    try {
      // A namespace of that name without a claim is a stranger's leftover.
      await removeSlotNetwork(slot);
      await createSlotNetwork(slot, this.#options.resolver);
      return slot;
    } catch (error) {
      await this.#remove(slot);
      throw error;
    }
  }

  /** Removes the slots that nobody took. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#filling;
    await Promise.all(this.#ready.splice(0).map((slot) => this.#remove(slot)));
    await this.settled();
  }
}
