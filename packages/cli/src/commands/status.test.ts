import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";
import { identify } from "@wrenn/runtime/process-identity";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writeSupervisor } from "../supervisor/state.ts";
import { API_KEY, aCapsule, FakeApi } from "../testing/fake-api.ts";

describe("wrenn status", () => {
  let layout: Layout;

  beforeEach(async () => {
    const dir = await mkdtemp(join(tmpdir(), "wrenn-status-"));
    layout = layoutOf(dir, dir);
    await writeFile(layout.apiKeyFile, API_KEY);
  });

  afterEach(() => rm(layout.dir, { recursive: true }));

  /** As if this process were the supervisor of servers that `api` stands for. */
  async function supervise(api: FakeApi): Promise<void> {
    const supervisor = identify(process.pid);
    if (supervisor === undefined) throw new Error("/proc is not readable");
    const vmm = { vmm: "qemu", vmmVersion: "9.0", accelerator: "tcg" };
    await writeSupervisor(layout, { supervisor, apiUrl: api.url, ...vmm, processes: {} });
    vi.stubEnv("WRENN_DIR", layout.dir);
  }

  it("counts the capsules that have not ended, by status", async () => {
    const capsules = (["running", "paused", "running", "stopped", "error"] as const).map((status) =>
      aCapsule({ status }),
    );
    await using api = await FakeApi.start({ "GET /v1/capsules": capsules });
    await supervise(api);
    const plain = (await api.wrenn("status")).stdout;
    expect(plain).toMatch(/^capsules +3$/m);
    expect(plain).toMatch(/^by_status +running 2, paused 1$/m);
    const { stdout } = await api.wrenn("status", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ state: "running", capsules: 3, by_status: { running: 2, paused: 1 } });
  });

  it("says where the administrator's password is, and not what", async () => {
    await using api = await FakeApi.start({ "GET /v1/capsules": [] });
    await supervise(api);
    expect((await api.wrenn("status")).stdout).toMatch(/^admin_password_file +-$/m);
    await writeFile(layout.adminPasswordFile, "secret");
    const { stdout } = await api.wrenn("status");
    expect(stdout).toContain(layout.adminPasswordFile);
    expect(stdout).not.toContain("secret");
  });

  it("is degraded while the API does not answer", async () => {
    await using api = await FakeApi.start({
      "GET /v1/capsules": new WrennError("database_unavailable", "no database"),
    });
    await supervise(api);
    const { code, stdout } = await api.wrenn("status", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state: "degraded", capsules: 0, by_status: {} });
  });
});
