import { describe, expect, it } from "vitest";
import { AllowedAddresses } from "./addresses.ts";

const addresses = new AllowedAddresses([]);

describe("addresses that channels may send to", () => {
  it.each(["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "2606:4700::1111", "2a00:1450::1"])(
    "include %s",
    (address) => expect(addresses.has(address)).toBe(true),
  );

  it.each([
    "0.0.0.0",
    "10.11.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.0.9",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2001:0:1::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "localhost",
    "",
  ])("do not include %j", (address) => expect(addresses.has(address)).toBe(false));

  it("include what the configuration allows, and nothing beside it", () => {
    const allowing = new AllowedAddresses(["127.0.0.1", "10.1.0.0/16", "fd00::/8"]);
    expect(["127.0.0.1", "10.1.2.3", "fd12::1"].filter((address) => !allowing.has(address))).toEqual([]);
    expect(["127.0.0.2", "10.2.0.1", "fe80::1"].filter((address) => allowing.has(address))).toEqual([]);
  });
});
