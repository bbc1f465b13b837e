/** What a guest says about its clocks, and what the host makes of it. */
import { WrennError } from "@wrenn/protocol/errors";
import type { GuestClock } from "@wrenn/protocol/guest-http";

export interface ClockReading extends GuestClock {
  /** milliseconds from the guest's CLOCK_MONOTONIC to the host's epoch: what `GuestInit.clockOffsetMs` wants */
  readonly offsetMs: number;
  /** milliseconds by which `offsetMs` can be wrong in either direction: half the round trip */
  readonly uncertaintyMs: number;
}

/** After a reading better than this no other is taken. */
const GOOD_ENOUGH_MS = 5;

/** Ten years: no machine runs that long, and an offset made from less lies after 1970. */
const MAX_UPTIME_MS = 315_576_000_000;
/** What a JavaScript date can hold; the guest's root may set any wall clock. */
const MAX_EPOCH_MS = 8.64e15;

/** Checks an answer of `GET /clock`. @throws agent_error when it is none */
export function parseClock(text: string): GuestClock {
  const { monotonicMs, realtimeMs } = parseObject(text);
  if (!isWithin(monotonicMs, MAX_UPTIME_MS) || !isWithin(realtimeMs, MAX_EPOCH_MS)) {
    throw new WrennError("agent_error", "the guest agent answered /clock with impossible times");
  }
  return { monotonicMs, realtimeMs };
}

/** @param answeredMs host clock when the answer was there @param roundTripMs from the request to it */
export function compareClocks(guest: GuestClock, answeredMs: number, roundTripMs: number): ClockReading {
  const uncertaintyMs = roundTripMs / 2;
  return { ...guest, offsetMs: answeredMs - uncertaintyMs - guest.monotonicMs, uncertaintyMs };
}

/** The best of at most `samples` readings, one after the other. */
export async function bestReading(read: () => Promise<ClockReading>, samples: number): Promise<ClockReading> {
  let best = await read();
  for (let taken = 1; taken < samples && best.uncertaintyMs >= GOOD_ENOUGH_MS; taken++) {
    const reading = await read();
    if (reading.uncertaintyMs < best.uncertaintyMs) best = reading;
  }
  return best;
}

function parseObject(text: string): Partial<Record<keyof GuestClock, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch (cause) {
    throw new WrennError("agent_error", "the guest agent answered /clock with something that is not JSON", { cause });
  }
}

function isWithin(value: unknown, max: number): value is number {
  return typeof value === "number" && value >= 0 && value <= max;
}
