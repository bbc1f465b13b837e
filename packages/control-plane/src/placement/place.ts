/** Which host gets a new capsule: a pure function over what the hosts hold already. */
import { createHash } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import type { HostStatus, HostType } from "@wrenn/protocol/rest/hosts";
import type { State } from "@wrenn/protocol/states";
import type { HostTarget } from "../hosts/clients.ts";

/** States in which a capsule holds memory and vCPUs of its host; the row itself is the reservation. One that is paused holds its disk. */
export const RESERVING_STATES = [
  "starting",
  "running",
  "pausing",
  "resuming",
  "stopping",
  "missing",
] as const satisfies readonly State[];

/** What a host has, or what is promised of it. Of a host that has never answered it is not known what it has. */
interface Amounts<Amount extends number | null> {
  /** MiB of RAM */
  readonly memoryMb: Amount;
  readonly vcpus: Amount;
  /** MiB */
  readonly diskMb: Amount;
}

export interface HostLoad extends HostTarget {
  readonly status: HostStatus;
  readonly type: HostType;
  /** UUID of the team whose it is; null for those of the platform */
  readonly teamId: string | null;
  readonly tags: readonly string[];
  /** names of the base templates that it can start */
  readonly templates: readonly string[];
  readonly total: Amounts<number | null>;
  /** configured for the capsules that it holds */
  readonly reserved: Amounts<number>;
  /** MiB that its file system has left; null until it has answered */
  readonly diskFreeMb: number | null;
}

/** What may be promised, in multiples of what a host has: capsules share their template's memory and disk and seldom use all of theirs. */
export interface PlacementPolicy {
  readonly memoryOvercommit: number;
  readonly cpuOvercommit: number;
  readonly diskOvercommit: number;
  /** MiB of its file system below which a host takes nothing new while another one has more */
  readonly minFreeDiskMb: number;
}

/** What is asked for the capsules that are to be started. */
export type Demand = Amounts<number>;

export interface PlacementRequest extends Demand {
  /** UUID that the capsule will have: it decides between hosts that are equal */
  readonly id: string;
  /** name of a base template */
  readonly template: string;
  /** UUID */
  readonly teamId: string;
  /** whether the team uses its own hosts only; others use those of the platform */
  readonly isByoc: boolean;
  /** the host must have all of them */
  readonly tags: readonly string[];
}

const RESOURCES = ["memoryMb", "vcpus", "diskMb"] as const;
type Resource = (typeof RESOURCES)[number];

/** How messages speak of an amount: its unit, and what it is of. */
const UNITS: Record<Resource, readonly [unit: string, what: string]> = {
  memoryMb: ["MiB", " of memory"],
  vcpus: ["vCPUs", ""],
  diskMb: ["MiB", " of disk"],
};

function inWords(amounts: Demand, resource: Resource): string {
  return `${amounts[resource]} ${UNITS[resource].join("")}`;
}

function limitOf({ total }: HostLoad, policy: PlacementPolicy, resource: Resource): number {
  switch (resource) {
    case "memoryMb":
      return Math.floor((total.memoryMb ?? 0) * policy.memoryOvercommit);
    case "vcpus":
      return Math.floor((total.vcpus ?? 0) * policy.cpuOvercommit);
    case "diskMb":
      // Agents of before did not say; the host itself refuses what its disk has no room for.
      return total.diskMb === null ? Number.POSITIVE_INFINITY : Math.floor(total.diskMb * policy.diskOvercommit);
  }
}

function freeOf(host: HostLoad, policy: PlacementPolicy, resource: Resource): number {
  return Math.max(0, limitOf(host, policy, resource) - host.reserved[resource]);
}

/**
 * The most that one capsule can have there, however much is promised to many: it cannot boot with more CPUs than there are, nor
 * ever use more memory.
 */
function sizeOf({ total }: HostLoad, resource: Resource): number {
  return resource === "diskMb" ? Number.POSITIVE_INFINITY : (total[resource] ?? 0);
}

function fits(host: HostLoad, demand: Demand): boolean {
  return RESOURCES.every((resource) => demand[resource] <= sizeOf(host, resource));
}

/** The first that there is not enough of. */
function lacking(host: HostLoad, demand: Demand, policy: PlacementPolicy): Resource | undefined {
  return RESOURCES.find((resource) => freeOf(host, policy, resource) < demand[resource]);
}

/** How much of what may be promised would be left with the capsule on it: of each resource a share from 0 to 1. */
function sharesLeft(host: HostLoad, demand: Demand, policy: PlacementPolicy): number[] {
  return RESOURCES.map((resource) => {
    const limit = limitOf(host, policy, resource);
    if (limit === Number.POSITIVE_INFINITY) return 1;
    return limit === 0 ? 0 : (freeOf(host, policy, resource) - demand[resource]) / limit;
  });
}

/**
 * The host whose scarcest resource has the greatest share left, then the one with most left of all of them. What else is on its disk
 * says nothing of its load. Which of equal hosts it is depends on the capsule: they take turns, and none is always the first.
 */
function leastLoaded(
  hosts: readonly HostLoad[],
  request: PlacementRequest,
  policy: PlacementPolicy,
): HostLoad | undefined {
  const ranked = hosts.map((host) => {
    const shares = sharesLeft(host, request, policy);
    const turn = createHash("sha256").update(`${request.id} ${host.id}`).digest("hex");
    return { host, scarcest: Math.min(...shares), all: shares.reduce((sum, share) => sum + share), turn };
  });
  const [best] = ranked.toSorted((a, b) => b.scarcest - a.scarcest || b.all - a.all || (a.turn < b.turn ? -1 : 1));
  return best?.host;
}

/** Whether its file system has room in fact, as far as that is known. */
function hasDisk({ diskFreeMb }: HostLoad, { minFreeDiskMb }: PlacementPolicy): boolean {
  return diskFreeMb === null || diskFreeMb >= minFreeDiskMb;
}

function serves({ type, teamId }: HostLoad, request: PlacementRequest): boolean {
  return request.isByoc ? type === "byoc" && teamId === request.teamId : type === "regular";
}

function hasTags({ tags }: HostLoad, wanted: readonly string[]): boolean {
  return wanted.every((tag) => tags.includes(tag));
}

/** The online host that serves the team, has the tags and the template, and has most left. @throws no_hosts_available, invalid_request when none is as large */
export function place(request: PlacementRequest, hosts: readonly HostLoad[], policy: PlacementPolicy): HostLoad {
  const online = hosts.filter((host) => host.status === "online" && serves(host, request));
  if (online.length === 0) throw none(request.isByoc ? "no host of the team is online" : "no host is online");
  const tagged = online.filter((host) => hasTags(host, request.tags));
  if (tagged.length === 0) throw none(`no host that is online has the tags ${request.tags.join(", ")}`);
  // Where nobody says that it has the template, a host is asked: it knows best.
  const local = tagged.filter(({ templates }) => templates.includes(request.template));
  const candidates = local.length > 0 ? local : tagged;
  const large = candidates.filter((host) => fits(host, request));
  if (large.length === 0) throw tooLarge(request, candidates, hosts);
  const roomy = large.filter((host) => lacking(host, request, policy) === undefined);
  const writable = roomy.filter((host) => hasDisk(host, policy));
  // Where all disks are full a host is asked: what was known of it may be old, and its answer is precise.
  const best = leastLoaded(writable.length > 0 ? writable : roomy, request, policy);
  if (best === undefined) throw full(request, large, policy);
  return best;
}

function none(message: string): WrennError {
  return new WrennError("no_hosts_available", `${message}: try again in a moment`);
}

/** Whatever ends on those that are online: a later try is of use only where another host may be large enough. */
function tooLarge(request: PlacementRequest, online: readonly HostLoad[], all: readonly HostLoad[]): WrennError {
  const most = (resource: Resource) => Math.max(...online.map((host) => sizeOf(host, resource)));
  const scarce = RESOURCES.find((resource) => most(resource) < request[resource]);
  const wanted =
    scarce === undefined
      ? `${inWords(request, "memoryMb")} and ${inWords(request, "vcpus")}`
      : `${inWords(request, scarce)} (the largest has ${most(scarce)} ${UNITS[scarce][0]})`;
  const mayCome = all.some((host) => serves(host, request) && mayFit(host, request));
  return mayCome
    ? new WrennError("no_hosts_available", `no host that is online is large enough for a capsule with ${wanted}`)
    : new WrennError("invalid_request", `no host is large enough for a capsule with ${wanted}`);
}

/** Whether it would if it were online: one that has not said yet how large it is may be. */
function mayFit(host: HostLoad, request: PlacementRequest): boolean {
  const { memoryMb, vcpus } = host.total;
  return fits(host, request) || memoryMb === null || vcpus === null;
}

function full(request: Demand, hosts: readonly HostLoad[], policy: PlacementPolicy): WrennError {
  const most = (resource: Resource) =>
    Math.max(...hosts.map((host) => Math.min(freeOf(host, policy, resource), sizeOf(host, resource))));
  const scarce = RESOURCES.find((resource) => most(resource) < request[resource]);
  const message =
    scarce === undefined
      ? `no host has ${RESOURCES.map((resource) => inWords(request, resource)).join(", ")} left together`
      : `no host has ${inWords(request, scarce)} left for a capsule (the most is ${most(scarce)} ${UNITS[scarce][0]})`;
  return new WrennError("no_hosts_available", message);
}

/**
 * The one host that has what the capsules are started from. It may be draining: they cannot go anywhere else.
 * @throws host_unavailable, no_hosts_available
 */
export function admit(
  hostId: string,
  demand: Demand,
  hosts: readonly HostLoad[],
  policy: PlacementPolicy,
  tags: readonly string[] = [],
): HostLoad {
  const host = hosts.find(({ id }) => id === hostId);
  if (host === undefined || !["online", "draining"].includes(host.status)) {
    throw new WrennError("host_unavailable", "the only host that can do this does not answer: try again in a moment");
  }
  if (!hasTags(host, tags)) {
    throw new WrennError(
      "no_hosts_available",
      `the only host that can do this does not have the tags ${tags.join(", ")}`,
    );
  }
  const scarce = lacking(host, demand, policy);
  if (scarce !== undefined) {
    const left = `${freeOf(host, policy, scarce)} ${UNITS[scarce][0]}`;
    throw new WrennError(
      "no_hosts_available",
      `${inWords(demand, scarce)} are needed, and ${left} are left on the only host that can do this`,
    );
  }
  return host;
}
