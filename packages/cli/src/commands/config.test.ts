import { describe, expect, it } from "vitest";
import { effectiveSettings } from "./config.ts";

describe("wrenn config", () => {
  it("has the settings of both servers, those that were given and the defaults", () => {
    const settings = effectiveSettings({ WRENN_CP_LISTEN_ADDR: ":8080", WRENN_SLOT_POOL: "7" });
    expect(settings).toMatchObject({
      paths: { dir: "/var/lib/wrenn" },
      control_plane: { listen: { host: "0.0.0.0", port: 8080 }, placement: { memoryOvercommit: 2 } },
      host_agent: { slotPool: 7, kernel: "not set" },
    });
  });

  it("tells no secret, only whether it is set", () => {
    const secret = "5ec2e7".repeat(12).slice(0, 64);
    const settings = effectiveSettings({
      DATABASE_URL: `postgres://wrenn:${secret}@db.example.com/wrenn`,
      WRENN_METRICS_TOKEN: secret,
      JWT_SECRET: secret,
      WRENN_ENCRYPTION_KEY: "a1".repeat(32),
      WRENN_CA_CERT: "cert",
      WRENN_CA_KEY: secret,
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
    expect(settings).toMatchObject({
      control_plane: {
        database: { url: "postgres://wrenn:***@db.example.com/wrenn" },
        metricsToken: "set",
        secrets: { session: "set", encryption: "set" },
      },
    });
  });

  it.each([
    [
      "postgres:///w?host=/run&user=u&password=hunter2&sslpassword=hunter2",
      "postgres:///w?host=%2Frun&user=u&password=***&sslpassword=***",
    ],
    ["postgres://u:hunter2@db:5433/w?sslmode=require", "postgres://u:***@db:5433/w?sslmode=require"],
    ["postgresql://db/w", "postgresql://db/w"],
  ])("shows of %s where the database is, and as whom", (DATABASE_URL, url) => {
    expect(effectiveSettings({ DATABASE_URL })).toMatchObject({ control_plane: { database: { url } } });
  });

  it("shows no query of an address that it does not know", () => {
    const settings = effectiveSettings({ CP_PUBLIC_URL: "https://wrenn.example.com/a?code=hunter2#hunter2" });
    expect(settings).toMatchObject({
      control_plane: { accounts: { publicUrl: "https://wrenn.example.com/a?code=***#***" } },
    });
    const plain = effectiveSettings({ CP_PUBLIC_URL: "https://wrenn.example.com" });
    expect(plain).toMatchObject({ control_plane: { accounts: { publicUrl: "https://wrenn.example.com" } } });
  });

  it("refuses what the servers would refuse", () => {
    expect(() => effectiveSettings({ LOG_LEVEL: "loud" })).toThrow("LOG_LEVEL");
  });
});
