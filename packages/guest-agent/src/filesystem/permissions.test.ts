import { expect, it } from "vitest";
import { formatMode } from "./permissions.ts";

it.each([
  [0o100644, "-rw-r--r--"],
  [0o100000, "----------"],
  [0o040755, "drwxr-xr-x"],
  [0o120777, "Lrwxrwxrwx"],
  [0o140755, "Srwxr-xr-x"],
  [0o010600, "prw-------"],
  [0o060660, "Drw-rw----"],
  [0o020666, "Dcrw-rw-rw-"],
  [0o104755, "urwxr-xr-x"],
  [0o102755, "grwxr-xr-x"],
  [0o041777, "dtrwxrwxrwx"],
  [0o046755, "dugrwxr-xr-x"],
])("writes %o as Go does: %s", (mode, text) => {
  expect(formatMode(mode)).toBe(text);
});
