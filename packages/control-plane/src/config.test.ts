import { describe, expect, it } from "vitest";
import { envToConfig, readEnv } from "./config.ts";
import { makeAuthority } from "./hosts/authority.ts";

describe("readEnv and envToConfig", () => {
  it("gives the defaults", () => {
    const config = envToConfig(readEnv({ DATABASE_URL: "" }));
    expect(config).toMatchObject({
      listen: { host: "127.0.0.1", port: 9725 },
      database: { kind: "embedded" },
      logLevel: "info",
      placement: { memoryOvercommit: 2, cpuOvercommit: 64, diskOvercommit: 64, minFreeDiskMb: 512 },
      authority: undefined,
      localHost: true,
      localKey: true,
      quotas: { capsules: null, vcpus: null, memoryMb: null, diskMb: null, snapshots: null },
      metricsToken: undefined,
    });
    expect(config.layout).toMatchObject({ dir: "/var/lib/wrenn", cache: "/var/cache/wrenn" });
  });

  it("takes an outside database", () => {
    const url = "postgres://u:p@db.internal/wrenn";
    expect(envToConfig(readEnv({ DATABASE_URL: url })).database).toEqual({ kind: "external", url });
    expect(() => envToConfig(readEnv({ DATABASE_URL: "postgres://u:s#cret@h/d" }))).toThrow(
      /^DATABASE_URL is no valid URL: (?!.*cret)/,
    );
  });

  it("takes limits of teams", () => {
    const env = { WRENN_TEAM_MAX_CAPSULES: "5", WRENN_TEAM_MAX_SNAPSHOTS: "0", WRENN_TEAM_MAX_VCPUS: "" };
    expect(envToConfig(readEnv(env)).quotas).toMatchObject({ capsules: 5, snapshots: 0, vcpus: null });
  });

  it("takes an authority, and hosts that are all enrolled", async () => {
    const authority = await makeAuthority();
    const env = {
      WRENN_CA_CERT: authority.certPem,
      WRENN_CA_KEY: authority.keyPem,
      WRENN_LOCAL_HOST: "0",
      WRENN_LOCAL_KEY: "0",
    };
    expect(envToConfig(readEnv(env))).toMatchObject({ authority, localHost: false, localKey: false });
    const another = (await makeAuthority()).keyPem;
    expect(() => envToConfig(readEnv({ ...env, WRENN_CA_KEY: another }))).toThrow(
      "WRENN_CA_KEY is not the key of the certificate in WRENN_CA_CERT",
    );
    expect(() => envToConfig(readEnv({ ...env, WRENN_CA_CERT: "x" }))).toThrow(
      "WRENN_CA_CERT and WRENN_CA_KEY must be PEM of an authority's certificate and its ECDSA P-256 key",
    );
    expect(() => envToConfig(readEnv({ WRENN_CA_KEY: "secret", WRENN_LOCAL_HOST: "no" }))).toThrow(
      'WRENN_LOCAL_HOST is "no" but must be 0 or 1; WRENN_CA_CERT and WRENN_CA_KEY must be set both or not at all',
    );
  });

  it("says what is wrong with every wrong value, and no password", () => {
    const env = readEnv({
      WRENN_CP_LISTEN_ADDR: "9725",
      DATABASE_URL: "mysql://u:secret@h/d",
      LOG_LEVEL: "loud",
      WRENN_MEMORY_OVERCOMMIT: "lots",
      WRENN_TEAM_MAX_MEMORY_MB: "8G",
      WRENN_METRICS_TOKEN: "secret token",
      WRENN_CORS_ORIGINS: "https://app.example.com, app.example.com",
      JWT_SECRET: "secret short",
      WRENN_ENCRYPTION_KEY: `${"0".repeat(64)},1`,
      WRENN_WEBHOOK_ALLOW: "10.0.0.0/8, ::1/129",
    });
    expect(() => envToConfig(env)).toThrow(
      'WRENN_CP_LISTEN_ADDR is "9725" but must be host:port, or :port for all addresses, for example 127.0.0.1:9725; ' +
        "DATABASE_URL must begin with postgres:// or postgresql://; " +
        'LOG_LEVEL is "loud" but must be one of trace, debug, info, warn, error, fatal, silent; ' +
        'WRENN_MEMORY_OVERCOMMIT is "lots" but must be a number from 0.1 to 1000; ' +
        'WRENN_TEAM_MAX_MEMORY_MB is "8G" but must be a whole number from 0 to 2147483647, or empty for no limit; ' +
        'WRENN_CORS_ORIGINS has "app.example.com", which is no origin such as https://app.example.com; ' +
        "WRENN_METRICS_TOKEN must be 16 or more letters, digits and signs, without blanks; " +
        "JWT_SECRET must have 32 characters or more; " +
        "WRENN_ENCRYPTION_KEY must be 64 hex digits, or several times 64 with commas between; " +
        'WRENN_WEBHOOK_ALLOW is "10.0.0.0/8, ::1/129" but must be CIDR blocks with commas between, for example 10.0.0.0/8,fd00::/8',
    );
  });
});

describe("what is about accounts", () => {
  const accountsOf = (env: NodeJS.ProcessEnv) => envToConfig(readEnv(env)).accounts;

  it("is off, but for rate limits", () => {
    expect(accountsOf({})).toEqual({
      publicUrl: undefined,
      dashboardUrl: undefined,
      smtp: undefined,
      admin: undefined,
      github: undefined,
      rateLimits: {
        perKeyPerSecond: 1000,
        loginPerMinute: 10,
        loginPerAddressPerMinute: 60,
        signupPerMinute: 5,
        resetPerMinute: 5,
        searchPerMinute: 30,
        invitationsPerHour: 100,
        channelTestPerMinute: 10,
      },
      trustedProxies: [],
    });
  });

  it("is on as the environment says", () => {
    expect(
      accountsOf({
        CP_PUBLIC_URL: "https://wrenn.example.com/",
        SMTP_HOST: "mail.example.com",
        SMTP_USERNAME: "u",
        SMTP_PASSWORD: "p",
        SMTP_FROM_EMAIL: "wrenn@example.com",
        WRENN_ADMIN_EMAIL: " Admin@Example.com",
        WRENN_ADMIN_PASSWORD: "correct horse",
        OAUTH_GITHUB_CLIENT_ID: "id",
        OAUTH_GITHUB_CLIENT_SECRET: "secret",
        WRENN_RATE_LIMIT_PER_KEY: "50",
        WRENN_TRUSTED_PROXIES: "10.0.0.1, ::1,10.1.0.0/16",
      }),
    ).toMatchObject({
      publicUrl: "https://wrenn.example.com",
      smtp: {
        host: "mail.example.com",
        port: 587,
        tls: "required",
        auth: { user: "u", pass: "p" },
        from: "wrenn@example.com",
      },
      admin: { kind: "given", email: "admin@example.com", password: "correct horse" },
      github: { clientId: "id", clientSecret: "secret", url: "https://github.com", apiUrl: "https://api.github.com" },
      rateLimits: { perKeyPerSecond: 50 },
      trustedProxies: ["10.0.0.1", "::1", "10.1.0.0/16"],
    });
  });

  it("makes an administrator of this box only where nobody else can reach it", () => {
    const admin = (listen: string) => accountsOf({ WRENN_LOCAL_ADMIN: "1", WRENN_CP_LISTEN_ADDR: listen }).admin;
    for (const listen of ["127.0.0.1:1", "localhost:1", "[::1]:1"]) expect(admin(listen)).toEqual({ kind: "local" });
    for (const listen of [":1", "0.0.0.0:1", "192.0.2.1:1"]) expect(admin(listen)).toBeUndefined();
  });

  it.each([
    [{ CP_PUBLIC_URL: "wrenn.example.com" }, "CP_PUBLIC_URL must begin with http:// or https://"],
    [{ SMTP_HOST: "h" }, "SMTP_HOST and SMTP_FROM_EMAIL must be set together"],
    [{ SMTP_PASSWORD: "hunter22" }, "SMTP_USERNAME and SMTP_PASSWORD must be set together"],
    [
      { SMTP_HOST: "h", SMTP_FROM_EMAIL: "a@example.com" },
      "CP_PUBLIC_URL must be set with SMTP_HOST: links would lead to the address that the API listens on",
    ],
    [
      { OAUTH_GITHUB_CLIENT_ID: "id", OAUTH_GITHUB_CLIENT_SECRET: "secret" },
      "CP_PUBLIC_URL must be set with OAUTH_GITHUB_CLIENT_ID",
    ],
    [
      {
        OAUTH_GITHUB_CLIENT_ID: "id",
        OAUTH_GITHUB_CLIENT_SECRET: "secret",
        CP_PUBLIC_URL: "https://api.example.com",
        OAUTH_REDIRECT_URL: "https://app.example.com",
      },
      "OAUTH_REDIRECT_URL must have the origin of CP_PUBLIC_URL",
    ],
    [{ SMTP_TLS: "starttls" }, 'SMTP_TLS is "starttls" but must be one of required, opportunistic, off'],
    [{ SMTP_PORT: "smtp" }, 'SMTP_PORT is "smtp" but must be a whole number from 1 to 65535'],
    [{ WRENN_ADMIN_PASSWORD: "hunter22" }, "WRENN_ADMIN_EMAIL and WRENN_ADMIN_PASSWORD must be set together"],
    [{ WRENN_ADMIN_EMAIL: "x", WRENN_ADMIN_PASSWORD: "hunter22" }, "WRENN_ADMIN_EMAIL must be an e-mail address"],
    [
      { WRENN_ADMIN_EMAIL: "a@example.com", WRENN_ADMIN_PASSWORD: "hunter2" },
      "WRENN_ADMIN_PASSWORD must have 8 to 200 characters",
    ],
    [{ WRENN_TRUSTED_PROXIES: "10.0.0.1,proxy" }, "WRENN_TRUSTED_PROXIES must be IP addresses and networks"],
    [{ WRENN_TRUSTED_PROXIES: "10.0.0.0/33" }, "WRENN_TRUSTED_PROXIES must be IP addresses and networks"],
    [{ WRENN_RATE_LIMIT_LOGIN: "0" }, 'WRENN_RATE_LIMIT_LOGIN is "0" but must be a whole number from 1 to 1000000'],
  ])("refuses %j", (env, message) => expect(() => accountsOf(env)).toThrow(message));

  const mail = (more: NodeJS.ProcessEnv) => ({
    CP_PUBLIC_URL: "https://wrenn.example.com",
    SMTP_HOST: "mail.example.com",
    SMTP_FROM_EMAIL: "wrenn@example.com",
    ...more,
  });
  it.each([
    { SMTP_FROM_EMAIL: "wrenn@localhost" },
    { SMTP_FROM_EMAIL: "Wrenn of Example <wrenn@example.com>" },
    { SMTP_FROM_EMAIL: '"Wrenn, Inc." <wrenn@example.com>' },
    { SMTP_HOST: "::1" },
    { CP_PUBLIC_URL: "https://example.com:8443/wrenn/" },
  ])("takes %j", (env) => expect(accountsOf(mail(env)).smtp).toBeDefined());

  it.each<[NodeJS.ProcessEnv, string]>([
    [{ SMTP_HOST: "h" }, "SMTP_HOST and SMTP_FROM_EMAIL must be set together"],
    [{ OAUTH_GITHUB_CLIENT_ID: "id" }, "OAUTH_GITHUB_CLIENT_ID and OAUTH_GITHUB_CLIENT_SECRET must be set together"],
    [
      mail({ SMTP_HOST: "smtp://mail.example.com" }),
      'SMTP_HOST is "smtp://mail.example.com" but must be a name or an IP address, for example mail.example.com',
    ],
    ...["wrenn", "a@b, c@d", "Wrenn, Inc. <a@example.com>", "Wrenn <wrenn>", "Wrenn <a@b> <c@d>", "a@b\nBcc: c@d"].map(
      (from): [NodeJS.ProcessEnv, string] => [
        mail({ SMTP_FROM_EMAIL: from }),
        `SMTP_FROM_EMAIL is "${from}" but must be an address, or Name <address>`,
      ],
    ),
    ...["https://u:hunter2@h", "https://h?a=hunter2", "https://h/?", "https://h#hunter2"].flatMap(
      (url): [NodeJS.ProcessEnv, string][] => [
        [mail({ CP_PUBLIC_URL: url }), "CP_PUBLIC_URL must be a URL without user, query and fragment"],
        [{ OAUTH_REDIRECT_URL: url }, "OAUTH_REDIRECT_URL must be a URL without user, query and fragment"],
      ],
    ),
    [{ CP_PUBLIC_URL: "https://a b" }, "CP_PUBLIC_URL is no valid URL, such as https://wrenn.example.com"],
  ])("says of %j one sentence", (env, message) => {
    expect(() => accountsOf(env)).toThrow(expect.objectContaining({ message }) as Error);
  });
});
