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
   * Removes the slot's network and gives the number back; does nothing when the machine does not hold it (any more).
   * @throws when something of it could not be removed: it stays claimed
   */
  async release(slot: SlotAddresses, holder: string): Promise<void> {
    const { claims } = this.#options;
    if (!(await claims.holds(slot.slot, holder))) return;
    await removeSlotNetwork(slot);
    await claims.release(slot.slot);
  }

  /** Slots that are ready; they belong to no machine, and to no sweep either. */
  get ready(): readonly number[] {
    return this.#ready.map((slot) => slot.slot);
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
      // A number whose network cannot be removed stays claimed: the next one asked for is another.
      await this.release(slot, NOBODY).catch((left: unknown) => {
        this.#options.logger.error({ slot: slot.slot, err: left }, "a network slot is broken and stays out of use");
      });
      throw error;
    }
  }

  /** Removes the slots that nobody took. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#filling;
    await Promise.all(this.#ready.splice(0).map((slot) => this.release(slot, NOBODY)));
  }
}
