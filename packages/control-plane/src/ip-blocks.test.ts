import { describe, expect, it } from "vitest";
import { parseBlock } from "./ip-blocks.ts";

describe("CIDR blocks", () => {
  it.each(["10.0.0.0/8", "10.1.2.3", "::1", "fd00::/8", "0.0.0.0/0"])("are read: %s", (text) =>
    expect(parseBlock(text)).toBeDefined(),
  );
  it.each(["", "10.0.0.0/33", "10.0.0/8", "::1/129", "localhost", "10.0.0.0/", "10.0.0.0/8/8"])(
    "are none: %j",
    (text) => expect(parseBlock(text)).toBeUndefined(),
  );
});
