import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { readEnv } from "@wrenn/control-plane/config";
import { makeAuthority } from "@wrenn/control-plane/hosts/authority";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { layoutOf } from "@wrenn/runtime/layout";
import { identify } from "@wrenn/runtime/process-identity";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writeSupervisor } from "../supervisor/state.ts";
import { runCommand } from "../testing/command.ts";
import { asLines, effectiveSettings, unknownSettings } from "./config.ts";
import { makesSetting } from "./config-variables.ts";

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
        secrets: { session: "from JWT_SECRET", encryption: "from WRENN_ENCRYPTION_KEY" },
        authority: "from WRENN_CA_CERT and WRENN_CA_KEY",
      },
    });
  });

  it.each([
    ["postgres:///w?host=/run&user=u&password=hunter2", "postgres:///w?host=/run&user=u&password=***"],
    [
      "postgres://u:hunter2@db/w?sslmode=require&sslpassword=hunter2",
      "postgres://u:***@db/w?sslmode=verify-full&sslpassword=***",
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

  it("says which template of the warm pool there is not", async () => {
    vi.stubEnv("WRENN_WARM_POOL", "minimal=1,nosuch=1,nosuch:2x512=1");
    const { stderr } = await runCommand(["config"]);
    vi.unstubAllEnvs();
    expect(stderr.match(/WRENN_WARM_POOL names \S+ which is no base template/g)).toEqual([
      "WRENN_WARM_POOL names nosuch, which is no base template",
    ]);
  });

  it("refuses what the servers would refuse", () => {
    expect(() => effectiveSettings({ WRENN_HOST_ADDRESS: "foo" })).toThrow(
      'WRENN_HOST_ADDRESS is "foo" but must be host:port',
    );
    expect(() => effectiveSettings({ WRENN_CP_LISTEN_ADDR: "999.1.1.1:80" })).toThrow("WRENN_CP_LISTEN_ADDR");
    expect(() => effectiveSettings({ LOG_LEVEL: "loud" })).toThrow("LOG_LEVEL");
  });
});

describe("what is effective", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "wrenn-config-"));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(dir, { recursive: true });
  });

  it("is what `wrenn up` starts with", () => {
    expect(effectiveSettings({ WRENN_DIR: dir })).toMatchObject({
      control_plane: { accounts: { admin: { kind: "local" } }, newSecrets: false, placement: { cpuOvercommit: 64 } },
      host_agent: { supervised: true },
    });
    expect(effectiveSettings({ WRENN_DIR: dir, WRENN_NEW_SECRETS: "1", WRENN_LOCAL_HOST: "0" })).toMatchObject({
      control_plane: { newSecrets: true },
      host_agent: { supervised: false },
    });
  });

  it("says where secrets and the authority come from", () => {
    const { secretsFile, authorityFile } = layoutOf(dir, dir);
    const made = (file: string) => `made at the first start, in ${file}`;
    expect(effectiveSettings({ WRENN_DIR: dir })).toMatchObject({
      control_plane: {
        secrets: { session: made(secretsFile), encryption: made(secretsFile) },
        authority: made(authorityFile),
      },
    });
    writeFileSync(secretsFile, "");
    writeFileSync(authorityFile, "");
    expect(effectiveSettings({ WRENN_DIR: dir, JWT_SECRET: "x".repeat(32) })).toMatchObject({
      control_plane: {
        secrets: { session: "from JWT_SECRET", encryption: `from ${secretsFile}` },
        authority: `from ${authorityFile}`,
      },
    });
  });

  it("names the variable of each setting", () => {
    const lines = asLines(effectiveSettings({ WRENN_DIR: dir, WRENN_WARM_POOL: "minimal=1" }));
    expect(lines).toContainEqual(expect.stringMatching(/^control_plane\.logLevel +info +LOG_LEVEL$/));
    expect(lines).toContainEqual(expect.stringMatching(/^host_agent\.warmPool\.0\.count +1 +WRENN_WARM_POOL$/));
    const read = new Set<string>();
    const recording = new Proxy({}, { get: (_target, name) => void read.add(String(name)) });
    readEnv(recording);
    envToHostConfig(recording, cpus().length);
    const notMade = [...read].filter((name) => !makesSetting(name));
    expect(notMade).toEqual(["WRENN_LOCAL_ADMIN", "WRENN_SUPERVISED_HOST"]);
  });

  it("is not what runs already, and says so", async () => {
    vi.stubEnv("WRENN_DIR", dir);
    expect((await runCommand(["config"])).stderr).not.toContain("already runs");
    const supervisor = identify(process.pid);
    if (supervisor === undefined) throw new Error("/proc is not readable");
    const vmm = { vmm: "qemu", vmmVersion: "9.0", accelerator: "tcg" };
    const apiUrl = "http://127.0.0.1:4321";
    await writeSupervisor(layoutOf(dir, dir), { supervisor, apiUrl, ...vmm, processes: {} });
    const { stdout, stderr } = await runCommand(["config", "--json"]);
    expect(stderr).toContain(`Wrenn already runs for ${dir}, at ${apiUrl}`);
    expect(JSON.parse(stdout)).toMatchObject({ paths: { dir } });
  });
});
