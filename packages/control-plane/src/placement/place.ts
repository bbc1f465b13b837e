/** Which host gets a new capsule: a pure function over what the hosts hold already. */
import { WrennError } from "@wrenn/protocol/errors";
import type { State } from "@wrenn/protocol/states";
import type { HostStatus } from "../db/schema.ts";

/** States in which a capsule holds memory of its host; the row itself is the reservation. */
export const RESERVING_STATES = [
  "starting",
  "running",
  "pausing",
  "resuming",
  "stopping",
  "missing",
] as const satisfies readonly State[];

export interface HostLoad {
  readonly id: string;
  readonly address: string;
  readonly status: HostStatus;
  /** MiB of RAM; null until the host has answered once */
  readonly memoryMb: number | null;
  /** MiB configured for the capsules that it holds */
  readonly reservedMb: number;
}

export interface PlacementPolicy {
  /** MiB that may be promised for each MiB a host has: capsules share their template's memory and seldom use all of theirs */
  readonly memoryOvercommit: number;
}

function freeMb(host: HostLoad, policy: PlacementPolicy): number {
  return Math.floor((host.memoryMb ?? 0) * policy.memoryOvercommit) - host.reservedMb;
}

/** The online host with the most memory left. @throws no_hosts_available */
export function place(request: { memoryMb: number }, hosts: readonly HostLoad[], policy: PlacementPolicy): HostLoad {
  const online = hosts.filter((host) => host.status === "online");
  const [best] = online.toSorted((a, b) => freeMb(b, policy) - freeMb(a, policy));
  if (best === undefined) throw new WrennError("no_hosts_available", "no host is online: try again in a moment");
  if (freeMb(best, policy) < request.memoryMb) {
    throw new WrennError(
      "no_hosts_available",
      `no host has ${request.memoryMb} MiB of memory left for a capsule (the most is ${Math.max(0, freeMb(best, policy))} MiB)`,
    );
  }
  return best;
}

/**
 * The one host that has what the capsules are started from. It may be draining: they cannot go anywhere else.
 * @throws host_unavailable, no_hosts_available
 */
export function admit(
  hostId: string,
  request: { memoryMb: number },
  hosts: readonly HostLoad[],
  policy: PlacementPolicy,
): HostLoad {
  const host = hosts.find(({ id }) => id === hostId);
  if (host === undefined || !["online", "draining"].includes(host.status)) {
    throw new WrennError("host_unavailable", "the only host that can do this does not answer: try again in a moment");
  }
  const free = Math.max(0, freeMb(host, policy));
  if (free < request.memoryMb) {
    throw new WrennError(
      "no_hosts_available",
      `${request.memoryMb} MiB of memory are needed, and ${free} MiB are left on the only host that can do this`,
    );
  }
  return host;
}
