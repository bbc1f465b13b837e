import { WrennError } from "@wrenn/protocol/errors";
import { describe, expect, it } from "vitest";
import { aCapsule, aCheckpoint, FakeApi } from "../testing/fake-api.ts";

describe("wrenn checkpoint create", () => {
  it("prints the name, given or not", async () => {
    const created = aCheckpoint({ timings: { write_memory: 400, total: 500 } });
    await using api = await FakeApi.start({ "POST /v1/capsules/cl-a/checkpoints": created });
    const output = { code: 0, stdout: "before\n", stderr: "taken in 500 ms: write memory 400 ms\n" };
    expect(await api.wrenn("checkpoint", "create", "cl-a")).toEqual(output);
    const { stdout } = await api.wrenn("checkpoint", "create", "cl-a", "before", "--json");
    expect(JSON.parse(stdout)).toEqual(created);
    expect(api.requests).toEqual([
      ["POST /v1/capsules/cl-a/checkpoints", {}],
      ["POST /v1/capsules/cl-a/checkpoints", { name: "before" }],
    ]);
  });
});

describe("wrenn checkpoint ls", () => {
  it("lists what there is to go back to", async () => {
    const checkpoints = [aCheckpoint({ size_bytes: 3 * 1024 ** 3 }), aCheckpoint({ name: "first" })];
    await using api = await FakeApi.start({ "GET /v1/capsules/cl-a/checkpoints": checkpoints });
    const lines = (await api.wrenn("checkpoint", "ls", "cl-a")).stdout.split("\n");
    expect(lines[0]).toMatch(/^NAME +SIZE +AGE$/);
    expect(lines[1]).toMatch(/^before +3 GiB /);
    expect(lines[2]).toMatch(/^first +0 KiB /);
    expect(JSON.parse((await api.wrenn("checkpoint", "ls", "cl-a", "--json")).stdout)).toEqual(checkpoints);
  });
});

describe("wrenn checkpoint rm", () => {
  it("deletes the others when one is not there", async () => {
    await using api = await FakeApi.start({
      "DELETE /v1/capsules/cl-a/checkpoints/a": undefined,
      "DELETE /v1/capsules/cl-a/checkpoints/b": new WrennError("not_found", "checkpoint not found"),
    });
    const plain = await api.wrenn("checkpoint", "rm", "cl-a", "a", "b");
    expect(plain).toEqual({ code: 1, stdout: "a\n", stderr: "error: b: checkpoint not found (not_found)\n" });
    const { stdout } = await api.wrenn("checkpoint", "rm", "cl-a", "a", "--json");
    expect(JSON.parse(stdout)).toEqual({ deleted: ["a"] });
  });

  it.each(["", ".", ".."])('never reaches the capsule by the name "%s"', async (name) => {
    await using api = await FakeApi.start({ "DELETE /v1/capsules/cl-a/": undefined });
    const refused = { code: 1, stderr: expect.stringContaining("invalid_request") };
    expect(await api.wrenn("checkpoint", "rm", "cl-a", name)).toMatchObject(refused);
    expect(api.requests).toEqual([]);
  });
});

describe("wrenn rollback", () => {
  it("names the checkpoint and prints the id", async () => {
    const back = aCapsule({ timings: { restore: 600, total: 700 } });
    await using api = await FakeApi.start({ "POST /v1/capsules/cl-a/rollback": back });
    expect(await api.wrenn("rollback", "cl-a", "before")).toEqual({
      code: 0,
      stdout: "cl-a\n",
      stderr: "rolled back in 700 ms: restore 600 ms\n",
    });
    expect(JSON.parse((await api.wrenn("rollback", "cl-a", "before", "--json")).stdout)).toEqual(back);
    expect(api.requests[0]).toEqual(["POST /v1/capsules/cl-a/rollback", { checkpoint: "before" }]);
  });
});
