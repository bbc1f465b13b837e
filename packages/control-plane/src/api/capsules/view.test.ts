import { capsuleSchema } from "@wrenn/protocol/rest/capsules";
import { STATES } from "@wrenn/protocol/states";
import { describe, expect, it } from "vitest";
import type { CapsuleRow } from "../../db/schema.ts";
import { toCapsule } from "./view.ts";

const ROW: CapsuleRow = {
  id: "00000000-0000-4000-8000-000000000001",
  teamId: "00000000-0000-0000-0000-000000000000",
  requestHash: null,
  hostId: "00000000-0000-4000-8000-000000000002",
  state: "starting",
  incarnation: 1,
  template: "minimal",
  baseTemplate: "minimal",
  snapshotId: null,
  forkedFrom: null,
  vcpus: 1,
  memoryMb: 512,
  diskSizeMb: 5120,
  timeoutSec: 0,
  autoResume: false,
  guestIp: null,
  hostIp: null,
  metadata: null,
  timings: null,
  createdAt: new Date("2026-11-22T01:02:03.999Z"),
  startedAt: null,
  lastActiveAt: null,
  updatedAt: new Date("2026-11-22T01:02:04Z"),
  pausedAt: null,
  pauseReason: null,
  endedAt: null,
  endReason: null,
  endMessage: null,
};

describe("toCapsule", () => {
  it("leaves out what is absent and gives whole seconds", () => {
    expect(toCapsule(ROW)).toEqual({
      id: expect.stringMatching(/^cl-[0-9a-z]{25}$/),
      status: "starting",
      template: "minimal",
      vcpus: 1,
      memory_mb: 512,
      disk_size_mb: 5120,
      timeout_sec: 0,
      auto_resume: false,
      created_at: "2026-11-22T01:02:03Z",
      last_updated: "2026-11-22T01:02:04Z",
    });
  });

  it("says since when and why it is paused, only while it is", () => {
    const row = { ...ROW, pausedAt: ROW.createdAt, pauseReason: "idle" as const };
    const paused = { paused_at: "2026-11-22T01:02:03Z", pause_reason: "idle" };
    expect(toCapsule({ ...row, state: "paused" })).toMatchObject(paused);
    expect(toCapsule({ ...row, state: "stopped" })).not.toHaveProperty("paused_at");
    expect(toCapsule({ ...row, state: "stopped" })).not.toHaveProperty("pause_reason");
  });

  it("keeps the phases in order of time", () => {
    const timings = toCapsule({
      ...ROW,
      timings: [
        ["place", 1],
        ["boot", 2],
        ["a", 3],
      ],
    }).timings;
    expect(Object.keys(timings ?? {})).toEqual(["place", "boot", "a"]);
  });

  it.each(STATES)("a row that is %s fits the schema", (state) => {
    const full = {
      ...ROW,
      state,
      endReason: "oom" as const,
      endMessage: "x",
      endedAt: ROW.createdAt,
      hostIp: "10.11.0.1",
      pausedAt: ROW.createdAt,
      pauseReason: "request" as const,
      forkedFrom: ROW.hostId,
      diskSizeMb: 6000,
    };
    expect(capsuleSchema.safeParse(toCapsule(full)).error).toBeUndefined();
  });
});
