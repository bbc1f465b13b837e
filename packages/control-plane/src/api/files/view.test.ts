import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { EntryInfoSchema } from "@wrenn/protocol/gen/filesystem_pb";
import { fileEntrySchema } from "@wrenn/protocol/rest/files";
import { describe, expect, it } from "vitest";
import { toFileEntry } from "./view.ts";

const MOST = 2n ** 63n - 1n;
const viewOf = (entry: MessageInitShape<typeof EntryInfoSchema>) => toFileEntry(create(EntryInfoSchema, entry));

describe("toFileEntry", () => {
  it.each([
    ["nothing", { size: 0n }, { size: 0, modified_at: 0 }],
    ["8 PiB", { size: 2n ** 53n }, { size: Number.MAX_SAFE_INTEGER }],
    ["the largest size", { size: MOST }, { size: Number.MAX_SAFE_INTEGER }],
    ["less than nothing", { size: -MOST }, { size: 0 }],
    ["a time before 1970", { modifiedTime: { seconds: -1n, nanos: 999_999_999 } }, { modified_at: -1 }],
    ["the last time", { modifiedTime: { seconds: MOST } }, { modified_at: 253_402_300_799 }],
    ["the first time", { modifiedTime: { seconds: -MOST, nanos: -1 } }, { modified_at: -62_135_596_800 }],
    ["all bits", { mode: 0xffffffff }, { mode: 0o7777 }],
  ])("shows a file of %s as what the API allows", (_what, entry, shown) => {
    expect(viewOf(entry)).toMatchObject(shown);
    expect(fileEntrySchema.safeParse(viewOf(entry)).success).toBe(true);
  });
});
