import type { Capsule } from "@wrenn/protocol/rest/capsules";
import type { ExecResult } from "@wrenn/protocol/rest/processes";
import { tryCommand } from "@wrenn/runtime/command";
import { WRENN } from "@wrenn/testkit/platform";
import { describe, expect, it } from "vitest";
import { shared } from "./shared.ts";

describe("the wrenn command", () => {
  it("has help for every command", async () => {
    const commands = ["setup", "doctor", "up", "down", "status", "create", "list", "info", "exec", "rm", "logs"];
    const help = await shared.wrenn("--help");
    expect(help.code).toBe(0);
    for (const name of commands) {
      expect(help.stdout).toContain(`  ${name}`);
      const own = await shared.wrenn(name, "--help");
      expect(own.code).toBe(0);
      expect(own.stdout).toContain("--json");
    }
  });

  it("says what is wrong with its own options, with code 2", async () => {
    for (const [args, said] of [
      [["creat"], "create"],
      [["up", "--port", "99999"], "0 to 65535"],
      [["create", "--vcpus", "many"], "whole number"],
      [["exec"], "missing required argument"],
    ] as const) {
      const result = await shared.wrenn(...args);
      expect(result.code).toBe(2);
      expect(result.stderr).toContain(said);
    }
  });

  it("shows its status", async () => {
    expect(await shared.status()).toMatchObject({
      state: "running",
      api_url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      api_key: expect.stringMatching(/^wrn_[0-9a-f]{32}$/),
      dir: shared.layout.dir,
      vmm: "qemu",
      accelerator: expect.stringMatching(/^(tcg|kvm)$/),
      capsules: 0,
    });
  });

  it("creates, lists, shows, uses and removes a capsule", async () => {
    const created = await shared.wrenn("create", "--vcpus", "1");
    expect(created.code).toBe(0);
    const id = created.stdout.trim();
    expect(id).toMatch(/^cl-[0-9a-z]{25}$/);
    expect(created.stderr).toContain("ready in");

    expect((await shared.wrenn("list")).stdout).toContain(id);
    expect(await shared.json<Capsule[]>("list")).toMatchObject([{ id, status: "running" }]);
    expect((await shared.wrenn("info", id)).stdout).toMatch(/status +running/);
    expect(await shared.status()).toMatchObject({ capsules: 1 });

    const ran = await shared.wrenn(
      "exec",
      "-e",
      "A=b c",
      "-w",
      "/tmp",
      "-u",
      "user",
      id,
      "--",
      "sh",
      "-c",
      'echo "$A $(pwd) $(id -un)"; echo problem >&2; exit 42',
    );
    expect(ran).toEqual({ code: 42, stdout: "b c /tmp user\n", stderr: "problem\n" });
    const result = JSON.parse((await shared.wrenn("exec", "--json", id, "echo", "--json")).stdout) as ExecResult;
    expect(result).toMatchObject({ stdout: "--json\n", exit_code: 0 });
    expect((await shared.wrenn("exec", "--timeout", "1", id, "sleep", "60")).code).toBe(125);
    for (const [signal, code] of [
      ["KILL", 137],
      ["TERM", 143],
    ] as const) {
      expect((await shared.wrenn("exec", id, "sh", "-c", `kill -${signal} $$`)).code).toBe(code);
    }
    const piped = await tryCommand("sh", ["-c", '"$0" info "$1" | head -c 1', WRENN, id], { env: shared.env });
    expect(piped).toMatchObject({ code: 0, stdout: "i", stderr: "" });

    expect((await shared.wrenn("logs", id)).code).toBe(0);
    expect((await shared.wrenn("rm", id)).stdout.trim()).toBe(id);
    expect((await shared.wrenn("info", id)).stdout).toMatch(/status +stopped/);
    expect((await shared.wrenn("exec", id, "true")).code).toBe(125);
  });

  it("prints errors for people and for programs", async () => {
    const plain = await shared.wrenn("info", "cl-x");
    expect(plain).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("invalid capsule ID") });
    const json = await shared.wrenn("info", "cl-x", "--json");
    expect(JSON.parse(json.stderr)).toEqual({ error: { code: "invalid_request", message: "invalid capsule ID" } });
    expect(await shared.wrenn("rm")).toMatchObject({ code: 2, stderr: expect.stringContaining("--all") });
  });

  it("shows the servers' logs", async () => {
    const logs = await shared.json<{ component: string; text: string }[]>(
      "logs",
      "--component",
      "host-agent",
      "--lines",
      "10000",
    );
    expect(logs.some((line) => line.text.includes("host agent ready"))).toBe(true);
    const { api_key } = await shared.status();
    expect((await shared.wrenn("logs", "--lines", "10000")).stdout).not.toContain(api_key);
  });

  it("finds the box in order", async () => {
    const doctor = await shared.wrenn("doctor", "--json");
    const { checks } = JSON.parse(doctor.stdout) as { checks: { id: string; status: string; detail: string }[] };
    expect(checks.filter((check) => check.status === "failed")).toEqual([]);
    expect(doctor.code).toBe(0);
    expect(checks.length).toBeGreaterThan(10);
  });
});
