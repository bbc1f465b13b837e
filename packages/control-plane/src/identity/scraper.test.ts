import { describe, expect, it } from "vitest";
import { requireScraper } from "./scraper.ts";

const TOKEN = "0123456789abcdef";
const HERE = "127.0.0.1";
const host = `${HERE}:9725`;
const forbidden = expect.objectContaining({ code: "forbidden" });

describe("who may read the metrics", () => {
  it.each([HERE, "127.8.9.10", "::1", "::ffff:127.0.0.1"])("without a token: %s", (peer) =>
    expect(() => requireScraper({ peer, headers: { host } }, undefined)).not.toThrow(),
  );

  it.each(["localhost", "LOCALHOST:9725", "127.0.1.1", "[::1]:9725"])("without a token: who asks %s", (name) =>
    expect(() => requireScraper({ peer: HERE, headers: { host: name } }, undefined)).not.toThrow(),
  );

  it.each(["10.0.0.1", "192.0.2.7", "fe80::1", "::ffff:10.0.0.1", "::", undefined])("without a token not %s", (peer) =>
    expect(() => requireScraper({ peer, headers: { host, authorization: `Bearer ${TOKEN}` } }, undefined)).toThrow(
      forbidden,
    ),
  );

  it.each([
    { "x-forwarded-for": "192.0.2.7" },
    { "x-forwarded-proto": "https" },
    { forwarded: "for=192.0.2.7" },
    { via: "1.1 proxy" },
    { "x-real-ip": "192.0.2.7" },
    { host: "wrenn.example.com" },
    { host: "127.0.0.1.example.com" },
    { host: "" },
  ])("without a token not who comes through a proxy on this machine: %j", (headers) =>
    expect(() => requireScraper({ peer: HERE, headers: { host, ...headers } }, undefined)).toThrow(forbidden),
  );

  it.each([`Bearer ${TOKEN}`, `bearer  ${TOKEN}`])("with a token: %s from anywhere", (authorization) =>
    expect(() =>
      requireScraper({ peer: "192.0.2.7", headers: { authorization, "x-forwarded-for": "192.0.2.8" } }, TOKEN),
    ).not.toThrow(),
  );

  it.each([undefined, "", TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN}0`, "Bearer", "Bearer 0", `Bearer x ${TOKEN}`])(
    "with a token not with the header %j, not even from here",
    (authorization) =>
      expect(() =>
        requireScraper(
          { peer: HERE, headers: { host, ...(authorization === undefined ? {} : { authorization }) } },
          TOKEN,
        ),
      ).toThrow(expect.objectContaining({ code: "unauthorized" })),
  );
});
