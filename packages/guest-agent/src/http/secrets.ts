/** Comparing what a client says with what it should know. */
import { timingSafeEqual } from "node:crypto";

/** Whether the two are the same, in a time that tells nothing of how much of them is. Their lengths are no secret. */
export function equalSecrets(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
