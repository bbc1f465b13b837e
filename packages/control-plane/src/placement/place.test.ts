import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { admit, type HostLoad, type PlacementRequest, place } from "./place.ts";

const GIB = 1024;
const policy = { memoryOvercommit: 2, cpuOvercommit: 4, diskOvercommit: 10, minFreeDiskMb: GIB };

interface Changes extends Partial<Omit<HostLoad, "total" | "reserved">> {
  readonly total?: Partial<HostLoad["total"]>;
  readonly reserved?: Partial<HostLoad["reserved"]>;
}

function host(id: string, { total, reserved, ...changes }: Changes = {}): HostLoad {
  return {
    ...{ id, address: `unix:/${id}`, certFingerprint: null, previousFingerprint: null },
    ...{ status: "online", type: "regular", teamId: null, tags: [], templates: ["minimal"], diskFreeMb: 100 * GIB },
    ...changes,
    total: { memoryMb: 1000, vcpus: 4, diskMb: 100 * GIB, ...total },
    reserved: { memoryMb: 0, vcpus: 0, diskMb: 0, ...reserved },
  };
}

function request(changes: Partial<PlacementRequest> = {}): PlacementRequest {
  const demand = { memoryMb: 128, vcpus: 1, diskMb: 5 * GIB };
  return { ...demand, id: randomUUID(), template: "minimal", teamId: "ours", isByoc: false, tags: [], ...changes };
}

const chosen = (hosts: HostLoad[], changes?: Partial<PlacementRequest>) => place(request(changes), hosts, policy).id;
const refusal = (hosts: HostLoad[], changes?: Partial<PlacementRequest>) => () =>
  place(request(changes), hosts, policy);

describe("place", () => {
  it("takes the host with the greatest share of memory left", () => {
    const hosts = [host("a", { reserved: { memoryMb: 900 } }), host("b", { reserved: { memoryMb: 300 } })];
    const large = host("large", { total: { memoryMb: 10_000 }, reserved: { memoryMb: 5000 } });
    expect(chosen([...hosts, large])).toBe("b");
    expect(chosen([large, host("empty")])).toBe("empty");
  });

  it("looks at what each host has least of", () => {
    const noMemory = host("memory", { reserved: { memoryMb: 1600 } });
    const noCpu = host("cpu", { reserved: { vcpus: 15 } });
    const noDisk = host("disk", { reserved: { diskMb: 995 * GIB } });
    const half = host("half", { reserved: { memoryMb: 1000, vcpus: 8, diskMb: 500 * GIB } });
    expect(chosen([noMemory, noCpu, noDisk, half])).toBe("half");
    expect(chosen([noMemory, noCpu, noDisk])).toBe("memory");
    expect(chosen([half, host("also", { reserved: { memoryMb: 1000, vcpus: 7 } })])).toBe("also");
  });

  /** How many of the capsules each host got, one after the other. */
  function spread(hosts: readonly HostLoad[], capsules: number, endAtOnce = false): number[] {
    const loads = new Map(hosts.map((one) => [one.id, one]));
    const counts = new Map(hosts.map(({ id }) => [id, 0]));
    for (let i = 0; i < capsules; i++) {
      const wanted = request();
      const best = place(wanted, [...loads.values()], policy);
      counts.set(best.id, (counts.get(best.id) ?? 0) + 1);
      const { memoryMb, vcpus, diskMb } = best.reserved;
      const reserved = {
        memoryMb: memoryMb + wanted.memoryMb,
        vcpus: vcpus + wanted.vcpus,
        diskMb: diskMb + wanted.diskMb,
      };
      if (!endAtOnce) loads.set(best.id, { ...best, reserved });
    }
    return [...counts.values()];
  }

  it("spreads evenly over equal hosts, however full the disk is that they share", () => {
    for (const diskFreeMb of [100 * GIB, 22 * GIB, 2 * GIB]) {
      expect(spread([host("a", { diskFreeMb }), host("b", { diskFreeMb })], 10)).toEqual([5, 5]);
    }
    expect(spread([host("a", { diskFreeMb: 22 * GIB }), host("b", { diskFreeMb: 21 * GIB })], 10)).toEqual([5, 5]);
  });

  it("decides between equal hosts by the capsule, so that none is always the first", () => {
    const hosts = [host("a"), host("b"), host("c")];
    for (const count of spread(hosts, 300, true)) expect(count).toBeGreaterThan(0);
    const id = randomUUID();
    expect(new Set([hosts, hosts.toReversed()].map((some) => chosen(some, { id }))).size).toBe(1);
  });

  it("leaves alone a host whose disk is full in fact, unless all are: then the host says so", () => {
    const [full, busy] = [host("full", { diskFreeMb: GIB - 1 }), host("busy", { reserved: { memoryMb: 1500 } })];
    expect(chosen([full, busy])).toBe("busy");
    expect(chosen([full])).toBe("full");
  });

  it("promises up to the over-commitment and no bit more", () => {
    const full = [host("a", { reserved: { memoryMb: 1488, vcpus: 14, diskMb: 990 * GIB } })];
    expect(chosen(full, { memoryMb: 512, vcpus: 2, diskMb: 10 * GIB })).toBe("a");
    expect(refusal(full, { memoryMb: 513 })).toThrow(
      "no host has 513 MiB of memory left for a capsule (the most is 512",
    );
    expect(refusal(full, { vcpus: 3 })).toThrow("no host has 3 vCPUs left for a capsule (the most is 2 vCPUs)");
    expect(refusal(full, { diskMb: 10 * GIB + 1 })).toThrow(/no host has 10241 MiB of disk left/);
  });

  it("says so when no host has enough of everything, although each has enough of something", () => {
    const hosts = [host("a", { reserved: { memoryMb: 1999 } }), host("b", { reserved: { vcpus: 16 } })];
    expect(refusal(hosts)).toThrow("no host has 128 MiB of memory, 1 vCPUs, 5120 MiB of disk left together");
  });

  it("lets a small box be used to the last MiB", () => {
    const small = host("small", { total: { memoryMb: 512, vcpus: 1, diskMb: 8 * GIB }, diskFreeMb: 2 * GIB });
    const reserved = { memoryMb: 512, vcpus: 1, diskMb: 5 * GIB };
    expect(chosen([{ ...small, reserved }], { memoryMb: 512 })).toBe("small");
  });

  it("takes no host that is smaller than the capsule, however much may be promised", () => {
    const hosts = [host("a"), host("b", { total: { memoryMb: 600, vcpus: 8 } })];
    expect(chosen(hosts, { memoryMb: 1000 })).toBe("a");
    expect(chosen(hosts, { vcpus: 8 })).toBe("b");
    expect(refusal(hosts, { memoryMb: 1001 })).toThrow(
      "no host is large enough for a capsule with 1001 MiB of memory (the largest has 1000 MiB)",
    );
    expect(refusal(hosts, { vcpus: 32 })).toThrow(
      "no host is large enough for a capsule with 32 vCPUs (the largest has 8 vCPUs)",
    );
    expect(refusal(hosts, { memoryMb: 1000, vcpus: 8 })).toThrow(
      "no host is large enough for a capsule with 1000 MiB of memory and 8 vCPUs",
    );
    const away = [...hosts, host("c", { status: "unreachable", total: { memoryMb: 2000 } })];
    expect(refusal(away, { memoryMb: 1001 })).toThrow("no host that is online is large enough");
    const busy = [host("a", { reserved: { memoryMb: 1500 } }), host("b", { total: { memoryMb: 300 } })];
    expect(refusal(busy, { memoryMb: 600 })).toThrow(/the most is 500 MiB/);
  });

  it.each(["pending", "offline", "draining", "unreachable"] as const)("takes no host that is %s", (status) => {
    expect(refusal([host("a", { status })])).toThrow("no host is online");
  });

  it("takes no host whose size is unknown, but one that only does not say how large its disk is", () => {
    expect(refusal([host("a", { total: { memoryMb: null } })])).toThrow(/the largest has 0 MiB/);
    expect(chosen([host("a", { total: { diskMb: null }, diskFreeMb: null })])).toBe("a");
  });

  it("keeps the hosts that a team brought for that team, and that team to them", () => {
    const regular = host("regular");
    const ours = host("ours", { type: "byoc", teamId: "ours", reserved: { memoryMb: 1500 } });
    const theirs = host("theirs", { type: "byoc", teamId: "theirs" });
    expect(chosen([regular, ours, theirs], { isByoc: true })).toBe("ours");
    expect(chosen([regular, ours, theirs], { isByoc: false })).toBe("regular");
    expect(refusal([ours, theirs])).toThrow("no host is online");
    expect(refusal([regular, theirs], { isByoc: true })).toThrow("no host of the team is online");
  });

  it("takes a host that has all the tags", () => {
    const hosts = [host("a", { tags: ["gpu"] }), host("b", { tags: ["gpu", "eu"], reserved: { memoryMb: 900 } })];
    expect(chosen(hosts, { tags: ["gpu", "eu"] })).toBe("b");
    expect(refusal(hosts, { tags: ["gpu", "us"] })).toThrow("no host that is online has the tags gpu, us");
  });

  it("takes a host that has the template, however much is left elsewhere", () => {
    const hosts = [host("a", { templates: [] }), host("b", { reserved: { memoryMb: 1800 } })];
    expect(chosen(hosts)).toBe("b");
    expect(refusal(hosts, { memoryMb: 300 })).toThrow(/the most is 200 MiB/);
    expect(chosen(hosts, { template: "unknown" })).toBe("a");
  });
});

describe("admit", () => {
  const demand = (memoryMb: number) => ({ memoryMb, vcpus: 1, diskMb: 0 });
  const hosts = [
    host("full", { reserved: { memoryMb: 1900 } }),
    host("other"),
    host("draining", { status: "draining", tags: ["eu"] }),
  ];

  it("takes the host that it is told, however much is left elsewhere", () => {
    expect(admit("full", demand(100), hosts, policy).id).toBe("full");
    expect(() => admit("full", demand(101), hosts, policy)).toThrow("101 MiB of memory are needed, and 100 MiB");
  });

  it("takes one that is draining: what is there cannot go elsewhere", () => {
    expect(admit("draining", demand(100), hosts, policy, ["eu"]).id).toBe("draining");
    expect(() => admit("draining", demand(100), hosts, policy, ["us"])).toThrow("does not have the tags us");
  });

  it("takes no host that does not answer", () => {
    const gone = [host("gone", { status: "unreachable" })];
    expect(() => admit("gone", demand(1), gone, policy)).toThrow("does not answer");
    expect(() => admit("unknown", demand(1), gone, policy)).toThrow("does not answer");
  });
});
