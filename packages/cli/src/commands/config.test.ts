import { makeAuthority } from "@wrenn/control-plane/hosts/authority";
import { describe, expect, it } from "vitest";
import { effectiveSettings, unknownSettings } from "./config.ts";

describe("wrenn config", () => {
  it("has the settings of both servers, those that were given and the defaults", () => {
    const settings = effectiveSettings({ WRENN_CP_LISTEN_ADDR: ":8080", WRENN_SLOT_POOL: "7" });
    expect(settings).toMatchObject({
      paths: { dir: "/var/lib/wrenn" },
      control_plane: { listen: { host: "0.0.0.0", port: 8080 }, placement: { memoryOvercommit: 2 } },
      host_agent: { slotPool: 7, kernel: "not set" },
    });
  });

  it("tells no secret, only whether it is set", async () => {
    const secret = "5ec2e7".repeat(12).slice(0, 64);
    const { certPem, keyPem } = await makeAuthority();
    const settings = effectiveSettings({
      CP_PUBLIC_URL: "https://wrenn.example.com",
      DATABASE_URL: `postgres://wrenn:${secret}@db.example.com/wrenn`,
      WRENN_METRICS_TOKEN: secret,
      JWT_SECRET: secret,
      WRENN_ENCRYPTION_KEY: "a1".repeat(32),
      WRENN_CA_CERT: certPem,
      WRENN_CA_KEY: keyPem,
      SMTP_HOST: "mail.example.com",
      SMTP_FROM_EMAIL: "wrenn@example.com",
      SMTP_USERNAME: "u",
      SMTP_PASSWORD: secret,
      OAUTH_GITHUB_CLIENT_ID: "id",
      OAUTH_GITHUB_CLIENT_SECRET: secret,
      WRENN_ADMIN_EMAIL: "a@example.com",
      WRENN_ADMIN_PASSWORD: secret,
    });
    const text = JSON.stringify(settings);
    expect(text).not.toContain(secret);
    expect(text).not.toContain("a1a1");
    expect(text).not.toContain("PRIVATE KEY");
    expect(settings).toMatchObject({
      control_plane: {
        database: { url: "postgres://wrenn:***@db.example.com/wrenn" },
        metricsToken: "set",
        secrets: { session: "set", encryption: "set" },
      },
    });
  });

  it.each([
    ["postgres:///w?host=/run&user=u&password=hunter2", "postgres:///w?host=/run&user=u&password=***"],
    [
      "postgres://u:hunter2@db/w?sslmode=require&sslpassword=hunter2",
      "postgres://u:***@db/w?sslmode=require&sslpassword=***",
    ],
    ["postgres://db/w?x=hunter2#hunter2", "postgres://db/w?x=***"],
    ["postgres://u@db/w", "postgres://u@db/w"],
  ])("shows of %s what is no secret", (url, shown) => {
    const settings = effectiveSettings({ DATABASE_URL: url, WRENN_CP_URL: "https://h/?token=hunter2" });
    expect(settings).toMatchObject({ control_plane: { database: { url: shown } } });
    expect(JSON.stringify(settings)).not.toContain("hunter2");
  });

  it("knows a variable that nothing reads", () => {
    const env = {
      WRENN_TEAM_MAX_CPUS: "8",
      WRENN_TEAM_MAX_VCPUS: "8",
      WRENN_SLOTS: "5-9",
      WRENN_API_KEY: "k",
      HOME: "/",
    };
    expect(unknownSettings(env)).toEqual(["WRENN_TEAM_MAX_CPUS"]);
  });

  it("refuses what the servers would refuse", () => {
    expect(() => effectiveSettings({ LOG_LEVEL: "loud" })).toThrow("LOG_LEVEL");
  });
});
