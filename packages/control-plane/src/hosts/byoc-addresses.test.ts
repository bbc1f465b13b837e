import { describe, expect, it } from "vitest";
import { ByocAddresses } from "./byoc-addresses.ts";

const addresses = new ByocAddresses([]);

describe("where hosts of teams may be", () => {
  it.each(["192.0.2.10", "10.1.2.3", "172.16.0.9", "192.168.1.5", "100.64.0.1", "2a00:1450::1", "fd12::1"])(
    "%s",
    (address) => expect(addresses.has(address)).toBe(true),
  );

  it.each([
    "0.0.0.0",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fd00:ec2::254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
  ])("not %s", (address) => expect(addresses.has(address)).toBe(false));

  it("and where the configuration allows it", () => {
    const allowing = new ByocAddresses(["127.0.0.0/8"]);
    expect(["127.0.0.1", "169.254.1.1"].map((address) => allowing.has(address))).toEqual([true, false]);
  });

  it.each(["https://127.0.0.1:1", "https://127.1:1", "https://[::1]:1", "https://[::ffff:127.0.0.1]:1"])(
    "is known of %s at once",
    (url) => expect(() => addresses.check(url)).toThrow("may not be at this address"),
  );

  it("is known of a name when it is looked up", async () => {
    const at = (byoc: ByocAddresses) =>
      new Promise((resolve, reject) => {
        byoc.lookup("localhost", { all: true }, (error, found) => (error === null ? resolve(found) : reject(error)));
      });
    await expect(at(addresses)).rejects.toThrow("may not be at this address");
    await expect(at(new ByocAddresses(["127.0.0.0/8"]))).resolves.toContainEqual({ address: "127.0.0.1", family: 4 });
  });
});
