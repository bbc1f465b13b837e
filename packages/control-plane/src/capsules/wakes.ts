/** The wakes in flight in this process. */
import { Singleflight } from "@wrenn/runtime/locks";
import type { CapsuleRow } from "../db/schema.ts";

export class Wakes {
  readonly flights = new Singleflight<CapsuleRow | undefined>();
  readonly timeoutMs: number;

  /** @param timeoutMs how long a request waits for the capsule that it wakes */
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }
}
