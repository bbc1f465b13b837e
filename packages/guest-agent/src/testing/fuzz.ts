/**
 * Tests with random input. Every round has a seed of its own, which a failure names: FUZZ_SEED=7 repeats that round alone, and
 * FUZZ_TIMES=50 makes 50 times as many rounds.
 */

export interface Random {
  /** a whole number from 0 to `limit` - 1 */
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
  bytes(length: number): Buffer;
  /** between 0 and `most` of the pieces, one after the other */
  join(pieces: readonly string[], most: number): string;
}

const TIMES = Number(process.env["FUZZ_TIMES"] ?? 1);

/** Made for `it`. @throws what the body throws, with the seed */
export function fuzz(rounds: number, body: (random: Random) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const only = process.env["FUZZ_SEED"];
    const seeds = only === undefined ? Array.from({ length: rounds * TIMES }, (_, index) => index + 1) : [Number(only)];
    for (const seed of seeds) {
      try {
        await body(seededRandom(seed));
      } catch (error) {
        throw new Error(`FUZZ_SEED=${seed}: ${String(error)}`, { cause: error });
      }
    }
  };
}

/** Mulberry32: small, and good enough to be everywhere. */
export function seededRandom(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  return {
    below,
    pick,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
    join: (pieces, most) => Array.from({ length: below(most + 1) }, () => pick(pieces)).join(""),
  };
}
