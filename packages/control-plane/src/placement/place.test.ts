import { describe, expect, it } from "vitest";
import { admit, type HostLoad, place } from "./place.ts";

const policy = { memoryOvercommit: 2 };

function host(id: string, changes: Partial<HostLoad> = {}): HostLoad {
  return { id, address: `unix:/${id}`, status: "online", memoryMb: 1000, reservedMb: 0, ...changes };
}

describe("place", () => {
  it("takes the host with the most memory left", () => {
    const hosts = [host("a", { reservedMb: 900 }), host("b", { reservedMb: 300 }), host("c", { memoryMb: 500 })];
    expect(place({ memoryMb: 512 }, hosts, policy).id).toBe("b");
  });

  it("promises memory up to the over-commitment and not a MiB more", () => {
    const full = [host("a", { reservedMb: 1488 })];
    expect(place({ memoryMb: 512 }, full, policy).id).toBe("a");
    expect(() => place({ memoryMb: 513 }, full, policy)).toThrow("no host has 513 MiB of memory left");
  });

  it.each(["pending", "offline", "draining", "unreachable"] as const)(
    "places nothing on a host that is %s",
    (status) => {
      expect(() => place({ memoryMb: 128 }, [host("a", { status })], policy)).toThrow("no host is online");
    },
  );

  it("places nothing on a host whose size is unknown", () => {
    expect(() => place({ memoryMb: 128 }, [host("a", { memoryMb: null })], policy)).toThrow(/the most is 0 MiB/);
  });
});

describe("admit", () => {
  const hosts = [host("full", { reservedMb: 1900 }), host("other"), host("draining", { status: "draining" })];

  it("takes the host that it is told, however much is left elsewhere", () => {
    expect(admit("full", { memoryMb: 100 }, hosts, policy).id).toBe("full");
    expect(() => admit("full", { memoryMb: 101 }, hosts, policy)).toThrow("101 MiB of memory are needed, and 100 MiB");
  });

  it("takes one that is draining: what is there cannot go elsewhere", () => {
    expect(admit("draining", { memoryMb: 100 }, hosts, policy).id).toBe("draining");
  });

  it("takes no host that does not answer", () => {
    const gone = [host("gone", { status: "unreachable" })];
    expect(() => admit("gone", { memoryMb: 1 }, gone, policy)).toThrow("does not answer");
    expect(() => admit("unknown", { memoryMb: 1 }, gone, policy)).toThrow("does not answer");
  });
});
