/** The host agent as its operations see it: plain values and owners, no behaviour of its own. Built by context.ts. */

import type { Layout } from "@wrenn/runtime/layout";
import type { KeyedMutex, Semaphore } from "@wrenn/runtime/locks";
import type { Logger } from "@wrenn/runtime/logger";
import type { HostConfig } from "./config.ts";
import type { OverlayMaker } from "./disk/overlay.ts";
import type { Artifacts } from "./images/artifacts.ts";
import type { UnderwayCreate } from "./machines/abandon.ts";
import type { Failpoints } from "./machines/failpoints.ts";
import type { Journal } from "./machines/journal.ts";
import type { Machines } from "./machines/registry.ts";
import type { Sampler } from "./machines/sampler.ts";
import type { WarmPool } from "./machines/warm-pool.ts";
import type { HostMetrics } from "./metrics.ts";
import type { SlotClaims } from "./network/claims.ts";
import type { SlotPool } from "./network/pool.ts";
import type { SnapshotStore } from "./snapshots/store.ts";
import type { TemplateStore } from "./templates/store.ts";
import type { Cgroups } from "./vmm/cgroup.ts";
import type { VmmDriver } from "./vmm/contract.ts";

/** What is enough to find and to remove everything of an instance, without its images. */
export interface HostBase {
  readonly config: HostConfig;
  readonly layout: Layout;
  readonly logger: Logger;
  readonly cgroups: Cgroups;
  readonly journal: Journal;
  readonly machines: Machines;
  readonly claims: SlotClaims;
  readonly slots: SlotPool;
  /** names of machines that are being made or started: what they hold may not be in `machines` yet, and is not swept */
  readonly unborn: Set<string>;
  readonly resolver: string | undefined;
  /** names of machines whose record cannot be read: they are listed, and nothing of theirs is touched until they are destroyed */
  readonly unreadable: Set<string>;
}

export interface HostContext extends HostBase {
  readonly artifacts: Artifacts;
  readonly kernelArgs: readonly string[];
  readonly driver: VmmDriver;
  /** one operation at a time per machine */
  readonly locks: KeyedMutex;
  readonly createLimit: Semaphore;
  readonly templates: TemplateStore;
  readonly snapshots: SnapshotStore;
  readonly overlays: OverlayMaker;
  /** those that are underway; a destroy of the machine ends them */
  readonly creates: Set<UnderwayCreate>;
  /** machines that are being flattened; whoever wants one aborts that */
  readonly flattening: Map<string, AbortController>;
  readonly failpoints: Failpoints;
  readonly warmPool: WarmPool;
  readonly metrics: HostMetrics;
  /** what capsules use */
  readonly sampler: Sampler;
  /** part of every capsule's metadata */
  readonly versions: Readonly<Record<string, string>>;
}
