import { describe, expect, it } from "vitest";
import { SLOT_MAX, slotAddresses } from "./addresses.ts";
import { firstNameserver } from "./resolver.ts";
import { hostRules, namespaceRules } from "./rules.ts";

describe("slot addresses", () => {
  it("are distinct for every slot and stay inside their networks", () => {
    const seen = new Set<string>();
    for (let slot = 1; slot <= SLOT_MAX; slot++) {
      const { hostAddress, peerAddress, capsuleAddress, veth } = slotAddresses(slot);
      for (const address of [hostAddress, peerAddress, capsuleAddress]) {
        expect(address).toMatch(/^10\.1[12]\.\d{1,3}\.\d{1,3}$/);
        seen.add(address);
      }
      expect(veth.length).toBeLessThanOrEqual(15);
    }
    expect(seen.size).toBe(3 * SLOT_MAX);
    expect(slotAddresses(SLOT_MAX)).toMatchObject({ peerAddress: "10.12.255.255", capsuleAddress: "10.11.127.255" });
  });

  it.each([0, -1, 1.5, 32_768, Number.NaN])("refuse %s", (slot) => {
    expect(() => slotAddresses(slot)).toThrow(RangeError);
  });
});

describe("rules", () => {
  it("close the host's own networks, which need not be private ones", () => {
    const rules = hostRules("abc", { resolver: "203.0.113.9", neighbours: ["203.0.113.0/24"] });
    const [allowed, dropped] = ["ip daddr 203.0.113.9 udp dport 53 accept", "ip daddr 203.0.113.0/24 drop"];
    expect(rules.indexOf(allowed)).toBeGreaterThan(0);
    expect(rules.lastIndexOf(dropped)).toBeGreaterThan(rules.lastIndexOf(allowed));
  });

  it("send DNS to the resolver only when there is one", () => {
    expect(namespaceRules(slotAddresses(1), "192.0.2.1")).toContain("dnat to 192.0.2.1");
    expect(namespaceRules(slotAddresses(1), undefined)).not.toContain("dport 53");
    expect(hostRules("abc", { resolver: undefined, neighbours: [] })).not.toContain("dport 53");
  });
});

it("takes the first IPv4 name server that is not on the loopback", () => {
  expect(firstNameserver("# x\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.7\n")).toBe("192.0.2.7");
  expect(firstNameserver("nameserver 127.0.0.53")).toBeUndefined();
  expect(firstNameserver("")).toBeUndefined();
});
