import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ownersOf, parseNames } from "./owners.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "owners-"));
});
afterEach(() => rmSync(root, { recursive: true }));

it("takes the first name of an id and skips what is no entry", () => {
  const names = parseNames("root:x:0:0::/root:/bin/sh\ntoor:x:0:\n\n#c\n:x:5\nbad:x:no\nok:x:7");
  expect([...names]).toEqual([
    [0, "root"],
    [7, "ok"],
  ]);
});

it("knows root without any file, shows others by number, and sees names that are added", () => {
  const owners = ownersOf(root);
  expect([owners().userName(0), owners().groupName(0), owners().userName(1000)]).toEqual(["root", "root", "1000"]);
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "etc/passwd"), "user:x:1000:1001::/home/user:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "people:x:1001:\n");
  expect([owners().userName(1000), owners().groupName(1001), owners().groupName(1000)]).toEqual([
    "user",
    "people",
    "1000",
  ]);
});
