/** What every operation on capsules needs. */
import type { PlacementPolicy } from "../placement/place.ts";
import type { SnapshotDeps } from "../snapshots/deps.ts";
import type { Wakes } from "./wakes.ts";

export interface CapsuleDeps extends SnapshotDeps {
  readonly placement: PlacementPolicy;
  readonly wakes: Wakes;
  /** how long a command in the background is waited for to read its input */
  readonly backgroundInputMs: number;
}
