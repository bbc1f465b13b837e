import { quotasSchema as teamQuotas } from "@wrenn/protocol/rest/admin";
import { auditQuery } from "@wrenn/protocol/rest/audit";
import { createCapsuleSchema, listCapsulesQuery } from "@wrenn/protocol/rest/capsules";
import { execSchema } from "@wrenn/protocol/rest/processes";
import { usageQuery } from "@wrenn/protocol/rest/usage";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { validatorCompiler } from "./validation.ts";

function complaintOf(schema: z.ZodType, input: unknown): string | undefined {
  const validate = validatorCompiler({ schema, method: "POST", url: "/" });
  return (validate(input) as { error?: Error }).error?.message;
}

describe("validatorCompiler", () => {
  it("fills in the defaults", () => {
    const validate = validatorCompiler({ schema: createCapsuleSchema, method: "POST", url: "/" });
    expect(validate({ unknown: true })).toEqual({
      value: {
        template: "minimal",
        vcpus: 1,
        memory_mb: 512,
        disk_size_mb: 5120,
        timeout_sec: 0,
        auto_resume: false,
      },
    });
  });

  it.each([
    [{ vcpus: 0 }, "vcpus must be at least 1"],
    [{ vcpus: -1 }, "vcpus must be at least 1"],
    [{ vcpus: 1_000_000 }, "vcpus must be at most 32"],
    [{ vcpus: 1.5 }, "vcpus must be a whole number"],
    [{ vcpus: "2" }, "vcpus must be a number"],
    [{ vcpus: null }, "vcpus must be a number"],
    [{ memory_mb: 0 }, "memory_mb must be at least 192"],
    [{ memory_mb: 1e9 }, "memory_mb must be at most 262144"],
    [{ template: "../etc" }, /^template must be 1 to 64 letters/],
    [null, "the body must be an object"],
    [[], "the body must be an object"],
    ["text", "the body must be an object"],
  ])("create %j: %s", (input, message) => expect(complaintOf(createCapsuleSchema, input)).toMatch(message));

  it.each([
    [{}, "cmd is required"],
    [{ cmd: "" }, "cmd must not be empty"],
    [{ cmd: "a", args: ["x", "\0"] }, "args.1 must not contain NUL"],
    [{ cmd: "a", envs: { "A=": "x" } }, "envs has a name that must not be empty or contain ="],
    [{ cmd: "a", envs: { A: 1 } }, "envs.A must be a string"],
    [{ cmd: "\ud800" }, "cmd must be well-formed Unicode"],
    [{ cmd: "a", stdin: "x\udc00" }, "stdin must be well-formed Unicode"],
    [{ cmd: "a", envs: { "A\ud800": "x" } }, "envs has a name that must be well-formed Unicode"],
    [{ cmd: "\ud800" }, "cmd must be well-formed Unicode"],
    [{ cmd: "a", stdin: "x\udc00" }, "stdin must be well-formed Unicode"],
    [{ cmd: "a", cwd: "/a\0b" }, "cwd must not contain NUL"],
    [{ cmd: "a", envs: { "A\ud800": "x" } }, "envs has a name that must be well-formed Unicode"],
  ])("exec %j: %s", (input, message) => expect(complaintOf(execSchema, input)).toMatch(message));

  it("takes any bytes for standard input, and all of Unicode", () => {
    expect(complaintOf(execSchema, { cmd: "\u{1f600}", stdin: "a\0b" })).toBeUndefined();
  });

  it.each([
    [listCapsulesQuery, { status: "running,gone" }, /^status\.1 must be one of starting, running, .*[a-z]$/],
    [listCapsulesQuery, { status: ["running", "gone"] }, /^status\.1 must be one of /],
    [auditQuery, { before: "yesterday" }, "before must be a time such as 2026-03-01T12:00:00Z"],
    [auditQuery, { action: "A" }, /^action must be words of a-z/],
    [usageQuery, { from: "1 March" }, "from must be a day such as 2026-03-01"],
    [teamQuotas, { capsules: 2 }, "the body must not have capsules"],
  ])("%#: %j: %s", (schema, input, message) => expect(complaintOf(schema, input)).toMatch(message));

  it("takes what is repeated for what is joined by commas", () => {
    const values = ["running,paused", ["running", "paused"]].map(
      (status) => listCapsulesQuery.parse({ status }).status,
    );
    expect(values).toEqual([
      ["running", "paused"],
      ["running", "paused"],
    ]);
  });

  it("looks at what a query stands for", () => {
    expect(complaintOf(listCapsulesQuery, { metadata: "a=%00" })).toBe("metadata.a must not contain NUL");
  });
});
