import { WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { aCapsule, FakeApi } from "../testing/fake-api.ts";

describe("wrenn create", () => {
  it("asks for what its options say", async () => {
    await using api = await FakeApi.start({ "POST /v1/capsules": aCapsule({ timings: { restore: 300, total: 340 } }) });
    const options = ["-t", "prepared", "-c", "2", "-m", "1024", "--disk", "8192", "--timeout", "60", "--auto-resume"];
    expect(await api.wrenn("create", ...options)).toEqual({
      code: 0,
      stdout: "cl-a\n",
      stderr: "ready in 340 ms: restore 300 ms\n",
    });
    const body = {
      template: "prepared",
      vcpus: 2,
      memory_mb: 1024,
      disk_size_mb: 8192,
      timeout_sec: 60,
      auto_resume: true,
    };
    expect(api.requests).toEqual([["POST /v1/capsules", body]]);
  });

  it("leaves what is not said to the server", async () => {
    await using api = await FakeApi.start({ "POST /v1/capsules": aCapsule() });
    expect(JSON.parse((await api.wrenn("create", "--json")).stdout)).toEqual(aCapsule());
    expect(api.requests).toEqual([["POST /v1/capsules", {}]]);
  });
});

describe("wrenn list", () => {
  it("shows states with the reason of a pause, and readable sizes", async () => {
    const capsules = [
      aCapsule({ id: "cl-a", memory_mb: 1536, host_ip: "10.11.0.1" }),
      aCapsule({ id: "cl-b", status: "paused", pause_reason: "idle" }),
    ];
    await using api = await FakeApi.start({ "GET /v1/capsules": capsules });
    const lines = (await api.wrenn("list")).stdout.split("\n");
    expect(lines[1]).toMatch(/^cl-a +running +minimal +1 +1\.5 GiB +10\.11\.0\.1 /);
    expect(lines[2]).toMatch(/^cl-b +paused \(idle\) +minimal +1 +512 MiB +- /);
  });
});

describe("wrenn info", () => {
  it("shows sizes, the reason of a pause and the phases of the last operation", async () => {
    const capsule = aCapsule({ status: "paused", pause_reason: "request", memory_mb: 1536, timings: { save: 1200 } });
    await using api = await FakeApi.start({ "GET /v1/capsules/cl-a": capsule });
    const { stdout } = await api.wrenn("info", "cl-a");
    expect(stdout).toMatch(/^status +paused$/m);
    expect(stdout).toMatch(/^pause_reason +request$/m);
    expect(stdout).toMatch(/^memory +1\.5 GiB$/m);
    expect(stdout).toMatch(/^disk_size +5 GiB$/m);
    expect(stdout).toMatch(/^timings +save 1\.2 s$/m);
  });
});

describe("wrenn rm", () => {
  const answers = {
    "DELETE /v1/capsules/cl-a": undefined,
    "DELETE /v1/capsules/cl-b": new WrennError("host_unavailable", "the host does not answer"),
    "DELETE /v1/capsules/cl-c": undefined,
  };

  it("destroys the others when one fails, and says which one", async () => {
    await using api = await FakeApi.start(answers);
    const result = await api.wrenn("rm", "cl-a", "cl-b", "cl-c");
    expect(result).toMatchObject({ code: 1, stdout: "cl-a\ncl-c\n" });
    expect(result.stderr).toContain("error: cl-b: the host does not answer (host_unavailable)\n");
  });

  it("tells programs the same", async () => {
    await using api = await FakeApi.start(answers);
    const result = await api.wrenn("rm", "cl-b", "cl-c", "--json");
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout)).toEqual({ destroyed: ["cl-c"] });
    const error = { code: "host_unavailable", message: "cl-b: the host does not answer" };
    expect(JSON.parse(result.stderr)).toEqual({ error });
  });

  it("destroys all that the server lists", async () => {
    await using api = await FakeApi.start({
      ...answers,
      "GET /v1/capsules": [aCapsule({ id: "cl-a" }), aCapsule({ id: "cl-c", status: "paused" })],
    });
    expect(await api.wrenn("rm", "--all")).toEqual({ code: 0, stdout: "cl-a\ncl-c\n", stderr: "" });
  });
});
