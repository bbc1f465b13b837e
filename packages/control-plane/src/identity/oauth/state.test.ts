import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { newState, readStateCookie, stateCookie } from "./state.ts";

describe("the state of a trip to a provider", () => {
  const secret = Buffer.alloc(32, 1);

  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is good for ten minutes, whatever the browser keeps", () => {
    const state = newState("login");
    const cookie = stateCookie(secret, state);
    vi.advanceTimersByTime(600_000);
    expect(readStateCookie(secret, cookie, state.nonce)).toEqual(state);
    vi.advanceTimersByTime(1);
    expect(readStateCookie(secret, cookie, state.nonce)).toBeUndefined();
  });

  it("does not get younger by being changed", () => {
    const state = newState("login");
    vi.advanceTimersByTime(600_001);
    const nonce = newState("login").nonce.slice(0, 12) + state.nonce.slice(12);
    const cookie = stateCookie(secret, state).replace(state.nonce, nonce);
    expect(readStateCookie(secret, cookie, nonce)).toBeUndefined();
  });
});
