import { describe, expect, it } from "vitest";
import { parseListenAddress } from "./listen-address.ts";

describe("parseListenAddress", () => {
  it.each([
    ["127.0.0.1:9725", "127.0.0.1", 9725],
    ["localhost:0", "localhost", 0],
    [":8080", "0.0.0.0", 8080],
    ["[::1]:65535", "::1", 65535],
  ])("reads %s", (text, host, port) => expect(parseListenAddress(text)).toEqual({ host, port }));

  it.each(["", "9725", "host:", "host:65536", "a:b:1", "host: 1", "[::1]"])("refuses %j", (text) =>
    expect(parseListenAddress(text)).toBeUndefined(),
  );
});
