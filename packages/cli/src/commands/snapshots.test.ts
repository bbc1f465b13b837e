import { WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { aTemplate, FakeApi } from "../testing/fake-api.ts";

const MIB = 1024 * 1024;

describe("wrenn snapshot create", () => {
  it("prints the name, given or not", async () => {
    await using api = await FakeApi.start({
      "POST /v1/snapshots": aTemplate({ timings: { write_memory: 2500, total: 3000 } }),
    });
    const output = { code: 0, stdout: "prepared\n", stderr: "taken in 3.0 s: write memory 2.5 s\n" };
    expect(await api.wrenn("snapshot", "create", "cl-a")).toEqual(output);
    expect(await api.wrenn("snapshot", "create", "cl-a", "prepared", "--pause")).toEqual(output);
    expect(api.requests).toEqual([
      ["POST /v1/snapshots", { sandbox_id: "cl-a" }],
      ["POST /v1/snapshots", { sandbox_id: "cl-a", name: "prepared", pause: true }],
    ]);
  });

  it("prints the template as JSON", async () => {
    await using api = await FakeApi.start({ "POST /v1/snapshots": aTemplate() });
    expect(JSON.parse((await api.wrenn("snapshot", "create", "cl-a", "--json")).stdout)).toEqual(aTemplate());
  });

  it("shows the server's error with what to do about it", async () => {
    const taken = new WrennError("template_name_taken", 'the name "prepared" is taken');
    await using api = await FakeApi.start({ "POST /v1/snapshots": taken });
    expect(await api.wrenn("snapshot", "create", "cl-a", "prepared")).toEqual({
      code: 1,
      stdout: "",
      stderr: `error: the name "prepared" is taken (template_name_taken)\n  ${taken.spec.suggestion}\n`,
    });
  });
});

describe("wrenn snapshot ls", () => {
  const templates = [
    aTemplate({ vcpus: 2, memory_mb: 2048, disk_size_mb: 5120, size_bytes: 87.34 * MIB }),
    aTemplate({ name: "minimal", type: "base", platform: true, size_bytes: 400 * MIB }),
  ];

  it("lists templates with readable sizes", async () => {
    await using api = await FakeApi.start({ "GET /v1/snapshots": templates });
    const lines = (await api.wrenn("snapshot", "ls")).stdout.split("\n");
    expect(lines[0]).toMatch(/^NAME +TYPE +VCPUS +MEMORY +DISK +SIZE +AGE$/);
    expect(lines[1]).toMatch(/^prepared +snapshot +2 +2 GiB +5 GiB +87\.3 MiB /);
    expect(lines[2]).toMatch(/^minimal +base +- +- +- +400 MiB /);
  });

  it("asks for one type, in JSON", async () => {
    await using api = await FakeApi.start({ "GET /v1/snapshots?type=base": templates.slice(1) });
    const { stdout } = await api.wrenn("snapshot", "ls", "--type", "base", "--json");
    expect(JSON.parse(stdout)).toEqual(templates.slice(1));
  });

  it("knows the types", async () => {
    await using api = await FakeApi.start({});
    const wrong = { code: 2, stderr: expect.stringContaining("Allowed choices are base, snapshot") };
    expect(await api.wrenn("snapshot", "ls", "--type", "own")).toMatchObject(wrong);
  });
});

describe("wrenn snapshot rm", () => {
  const answers = {
    "DELETE /v1/snapshots/a": undefined,
    "DELETE /v1/snapshots/b": new WrennError("snapshot_in_use", "1 capsule was started from it"),
  };

  it("deletes the others when one is in use", async () => {
    await using api = await FakeApi.start(answers);
    const plain = await api.wrenn("snapshot", "rm", "b", "a");
    expect(plain).toMatchObject({ code: 1, stdout: "a\n" });
    expect(plain.stderr).toContain("error: b: 1 capsule was started from it (snapshot_in_use)\n");
    const asJson = await api.wrenn("snapshot", "rm", "b", "a", "--json");
    expect(JSON.parse(asJson.stdout)).toEqual({ deleted: ["a"] });
  });
});

describe("wrenn snapshot", () => {
  it("shows its commands when none is named", async () => {
    await using api = await FakeApi.start({});
    const result = await api.wrenn("snapshot");
    expect(result.code).toBe(2);
    for (const name of ["create", "ls", "rm"]) expect(result.stderr).toContain(`  ${name}`);
  });
});
