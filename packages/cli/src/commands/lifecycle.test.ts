import { WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { aCapsule, FakeApi } from "../testing/fake-api.ts";

const paused = aCapsule({ status: "paused", pause_reason: "request", timings: { save_memory: 1100, total: 1234 } });

describe("wrenn pause", () => {
  it("prints the id, and for people the phases", async () => {
    await using api = await FakeApi.start({ "POST /v1/capsules/cl-a/pause": paused });
    expect(await api.wrenn("pause", "cl-a")).toEqual({
      code: 0,
      stdout: "cl-a\n",
      stderr: "paused in 1.2 s: save memory 1.1 s\n",
    });
    expect(api.requests).toEqual([["POST /v1/capsules/cl-a/pause"]]);
  });

  it("pauses the others when one fails, and tells each failure", async () => {
    await using api = await FakeApi.start({
      "POST /v1/capsules/cl-a/pause": new WrennError("invalid_state", "capsule is not running"),
      "POST /v1/capsules/cl-b/pause": aCapsule({ id: "cl-b" }),
      "POST /v1/capsules/cl-c/pause": new WrennError("not_found", "capsule not found"),
    });
    const plain = await api.wrenn("pause", "cl-a", "cl-b", "cl-c");
    expect(plain).toEqual({
      code: 1,
      stdout: "cl-b\n",
      stderr: "error: cl-a: capsule is not running (invalid_state)\nerror: cl-c: capsule not found (not_found)\n",
    });
    const asJson = await api.wrenn("pause", "--json", "cl-a", "cl-b", "cl-c");
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stdout)).toEqual([aCapsule({ id: "cl-b" })]);
    const errors = asJson.stderr.trim().split("\n");
    expect(errors.map((line) => JSON.parse(line))).toEqual([
      { error: { code: "invalid_state", message: "cl-a: capsule is not running" } },
      { error: { code: "not_found", message: "cl-c: capsule not found" } },
    ]);
  });

  it("does not repeat the id of the only capsule in its error", async () => {
    await using api = await FakeApi.start({
      "POST /v1/capsules/cl-a/pause": new WrennError("invalid_state", "capsule is not running"),
    });
    const error = "error: capsule is not running (invalid_state)\n";
    expect(await api.wrenn("pause", "cl-a")).toEqual({ code: 1, stdout: "", stderr: error });
  });

  it("wants to know which", async () => {
    await using api = await FakeApi.start({});
    expect(await api.wrenn("pause")).toMatchObject({ code: 2, stderr: expect.stringContaining("'ids'") });
    expect(api.requests).toEqual([]);
  });
});

describe("wrenn resume", () => {
  it("keeps the idle time, or sets it", async () => {
    const running = aCapsule({ timings: { total: 800 } });
    await using api = await FakeApi.start({ "POST /v1/capsules/cl-a/resume": running });
    expect(await api.wrenn("resume", "cl-a")).toEqual({ code: 0, stdout: "cl-a\n", stderr: "resumed in 800 ms\n" });
    expect(JSON.parse((await api.wrenn("resume", "cl-a", "--timeout", "0", "--json")).stdout)).toEqual([running]);
    expect(api.requests).toEqual([
      ["POST /v1/capsules/cl-a/resume", {}],
      ["POST /v1/capsules/cl-a/resume", { timeout_sec: 0 }],
    ]);
  });
});

describe("wrenn fork", () => {
  const result = {
    capsules: [aCapsule({ id: "cl-b", forked_from: "cl-a" }), aCapsule({ id: "cl-c", forked_from: "cl-a" })],
    timings: { snapshot: 900, total: 2000 },
  };
  const answers = { "POST /v1/capsules/cl-a/fork": result };

  it("prints the ids of the copies", async () => {
    await using api = await FakeApi.start(answers);
    expect(await api.wrenn("fork", "cl-a", "-n", "2", "--timeout", "60")).toEqual({
      code: 0,
      stdout: "cl-b\ncl-c\n",
      stderr: "ready in 2.0 s: snapshot 900 ms\n",
    });
    expect(api.requests).toEqual([["POST /v1/capsules/cl-a/fork", { count: 2, timeout_sec: 60 }]]);
  });

  it("leaves the number to the server and prints its answer as JSON", async () => {
    await using api = await FakeApi.start(answers);
    expect(JSON.parse((await api.wrenn("fork", "cl-a", "--json")).stdout)).toEqual(result);
    expect(api.requests).toEqual([["POST /v1/capsules/cl-a/fork", {}]]);
  });

  it("takes only a number of copies", async () => {
    await using api = await FakeApi.start(answers);
    const wrong = { code: 2, stderr: expect.stringContaining("not a whole number") };
    expect(await api.wrenn("fork", "cl-a", "--count", "many")).toMatchObject(wrong);
    expect(api.requests).toEqual([]);
  });
});
