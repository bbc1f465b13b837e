import { expect, it } from "vitest";
import { decodeStatus } from "../system/child-reaper.ts";
import { endEvent } from "./exit-status.ts";

it.each([
  [0x0000, { exitCode: 0, exited: true, status: "exit status 0" }],
  [0x0300, { exitCode: 3, exited: true, status: "exit status 3", error: "exit status 3" }],
  [0xff00, { exitCode: 255, exited: true, status: "exit status 255", error: "exit status 255" }],
  [9, { exitCode: -1, exited: false, status: "signal: killed", error: "signal: killed", signal: 9 }],
  // with the flag for a core dump
  [
    0x80 | 11,
    {
      exitCode: -1,
      exited: false,
      status: "signal: segmentation fault",
      error: "signal: segmentation fault",
      signal: 11,
    },
  ],
  [34, { exitCode: -1, exited: false, status: "signal: signal 34", error: "signal: signal 34", signal: 34 }],
])("wait status %i", (status, expected) => {
  expect(endEvent(decodeStatus(status))).toEqual(expected);
});
