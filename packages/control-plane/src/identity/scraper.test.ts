import { describe, expect, it } from "vitest";
import { requireScraper } from "./scraper.ts";

const TOKEN = "0123456789abcdef";
const HERE = "127.0.0.1";

describe("who may read the metrics", () => {
  it.each([HERE, "127.8.9.10", "::1", "::ffff:127.0.0.1"])("without a token: %s", (peer) =>
    expect(() => requireScraper({ peer, authorization: undefined }, undefined)).not.toThrow(),
  );

  it.each(["10.0.0.1", "192.0.2.7", "fe80::1", "::ffff:10.0.0.1", "::", undefined])("without a token not %s", (peer) =>
    expect(() => requireScraper({ peer, authorization: `Bearer ${TOKEN}` }, undefined)).toThrow(
      expect.objectContaining({ code: "forbidden" }),
    ),
  );

  it.each([`Bearer ${TOKEN}`, `bearer  ${TOKEN}`])("with a token: %s from anywhere", (authorization) =>
    expect(() => requireScraper({ peer: "192.0.2.7", authorization }, TOKEN)).not.toThrow(),
  );

  it.each([undefined, "", TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN}0`, "Bearer", "Bearer 0", `Bearer x ${TOKEN}`])(
    "with a token not with the header %j, not even from here",
    (authorization) =>
      expect(() => requireScraper({ peer: HERE, authorization }, TOKEN)).toThrow(
        expect.objectContaining({ code: "unauthorized" }),
      ),
  );
});
