import { expect, it } from "vitest";
import { fileSystemKind } from "./file-systems.ts";

it("tells the kernel's own file systems from those that hold files", () => {
  expect(fileSystemKind(Buffer.from("/proc"))).toBe("pseudo");
  expect(fileSystemKind(Buffer.from("/sys"))).toBe("pseudo");
  expect(fileSystemKind(Buffer.from("/dev/shm"))).toBe("local");
});
