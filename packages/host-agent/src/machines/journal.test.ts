import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Journal } from "./journal.ts";
import type { MachineRecord } from "./record.ts";

let dir: string;
let journal: Journal;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "journal-"));
  journal = new Journal(dir);
});
afterEach(() => rm(dir, { recursive: true }));

const record: MachineRecord = {
  version: 2,
  id: "cl-0000000000000000000000001",
  state: "starting",
  incarnation: 1,
  template: "minimal",
  templateId: "",
  teamId: "",
  vcpus: 1,
  memoryMb: 512,
  diskSizeMb: 5120,
  defaultUser: "",
  defaultEnv: {},
  accessToken: "token",
  overlays: ["disk-2.qcow2"],
  vmName: "cl-0000000000000000000000001",
  timeoutSec: 0,
  createdAt: 1,
  slot: 3,
  generation: 1,
  metadata: {},
};

it("finds after a restart what was written before", async () => {
  await journal.create(record);
  const running = await journal.transition(record, "started", { vmm: { pid: 1, startTime: "2" } });
  expect(running).toMatchObject({ state: "running", incarnation: 2 });
  expect(await new Journal(dir).load()).toEqual({ records: [running], strays: [], unreadable: [] });
});

it("gives a machine of the time before access tokens one that nobody knows", async () => {
  const { accessToken: _unknown, ...old } = record;
  await mkdir(journal.machineDir(record.id));
  await writeFile(journal.recordFile(record.id), JSON.stringify(old));
  const [loaded] = (await journal.load()).records;
  expect(loaded).toEqual({ ...record, accessToken: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

it("refuses a second machine of the same id and a step that the lifecycle does not have", async () => {
  await journal.create(record);
  await expect(journal.create(record)).rejects.toMatchObject({ code: "conflict" });
  await expect(journal.transition(record, "paused")).rejects.toMatchObject({ code: "invalid_state" });
  expect((await journal.load()).records).toEqual([record]);
});

it("forgets a machine with all its files", async () => {
  await journal.create(record);
  await writeFile(join(journal.machineDir(record.id), "disk.qcow2"), "x");
  await journal.remove(record.id);
  await journal.remove(record.id);
  expect(await readdir(dir)).toEqual([]);
});

it("takes a folder without a record for rubbish, and nothing else", async () => {
  for (const [name, content] of [
    ["cut-off", '{"version":1,'],
    ["other-version", JSON.stringify({ ...record, version: 3 })],
    ["renamed", JSON.stringify(record)],
  ] as const) {
    await mkdir(join(dir, name));
    await writeFile(join(dir, name, "record.json"), content);
  }
  await mkdir(join(dir, "empty"));
  const { records, strays, unreadable } = await journal.load();
  expect(records).toEqual([]);
  expect(strays).toEqual([join(dir, "empty")]);
  expect([...unreadable].toSorted()).toEqual(["cut-off", "other-version", "renamed"]);
});
