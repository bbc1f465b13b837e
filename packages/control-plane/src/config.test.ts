import { describe, expect, it } from "vitest";
import { envToConfig, parseListenAddress, readEnv } from "./config.ts";

describe("readEnv and envToConfig", () => {
  it("gives the defaults", () => {
    const config = envToConfig(readEnv({ DATABASE_URL: "" }));
    expect(config).toMatchObject({
      listen: { host: "127.0.0.1", port: 9725 },
      database: { kind: "embedded" },
      logLevel: "info",
      memoryOvercommit: 2,
      metricsToken: undefined,
    });
    expect(config.layout).toMatchObject({ dir: "/var/lib/wrenn", cache: "/var/cache/wrenn" });
  });

  it("takes an outside database", () => {
    const url = "postgres://u:p@db.internal/wrenn";
    expect(envToConfig(readEnv({ DATABASE_URL: url })).database).toEqual({ kind: "external", url });
  });

  it("says what is wrong with every wrong value, and no password", () => {
    const env = readEnv({
      WRENN_CP_LISTEN_ADDR: "9725",
      DATABASE_URL: "mysql://u:secret@h/d",
      LOG_LEVEL: "loud",
      WRENN_MEMORY_OVERCOMMIT: "lots",
      WRENN_METRICS_TOKEN: "secret token",
      WRENN_CORS_ORIGINS: "https://app.example.com, app.example.com",
      JWT_SECRET: "secret short",
      WRENN_ENCRYPTION_KEY: "secret",
    });
    expect(() => envToConfig(env)).toThrow(
      'WRENN_CP_LISTEN_ADDR is "9725" but must be host:port, for example 127.0.0.1:9725; ' +
        "DATABASE_URL must begin with postgres:// or postgresql://; " +
        'LOG_LEVEL is "loud" but must be one of trace, debug, info, warn, error, fatal, silent; ' +
        'WRENN_MEMORY_OVERCOMMIT is "lots" but must be a number from 0.1 to 100; ' +
        "WRENN_METRICS_TOKEN must be 16 or more letters, digits and signs, without blanks; " +
        'WRENN_CORS_ORIGINS has "app.example.com", which is no origin such as https://app.example.com; ' +
        "JWT_SECRET must have 32 characters or more; WRENN_ENCRYPTION_KEY must be 64 hex digits",
    );
  });
});

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
