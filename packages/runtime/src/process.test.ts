import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { CommandError, command, tryCommand } from "./command.ts";
import { identify, isAlive, signalProcess } from "./process-identity.ts";
import { findLockHolder, tryProcessLock } from "./process-lock.ts";

it("says what a failing program said", async () => {
  const failing = command("sh", ["-c", "echo no such thing >&2; exit 3"]);
  await expect(failing).rejects.toThrow(CommandError);
  await expect(failing).rejects.toThrow(/code 3: no such thing/);
  expect(await tryCommand("cat", [], { input: "x" })).toEqual({ code: 0, stdout: "x", stderr: "" });
});

it("names a program that is missing", async () => {
  await expect(command("wrenn-no-such-program", [])).rejects.toMatchObject({
    code: "program_missing",
    message: expect.stringContaining("wrenn-no-such-program"),
  });
});

it("never signals another process than the one it was shown", async () => {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) return expect.unreachable();
  expect(isAlive(identity)).toBe(true);
  expect(signalProcess({ ...identity, startTime: "1" }, "SIGKILL")).toBe(false);
  expect(isAlive(identity)).toBe(true);
  expect(signalProcess(identity, "SIGKILL")).toBe(true);
  await once(child, "exit");
  expect(isAlive(identity)).toBe(false);
});

it("gives a lock to one holder at a time", async () => {
  const name = `wrenn-lock-test-${process.pid}`;
  const held = await tryProcessLock(name);
  expect(held).toBeDefined();
  expect(await tryProcessLock(name)).toBeUndefined();
  expect(await findLockHolder(name)).toBe(process.pid);
  await held?.release();
  const again = await tryProcessLock(name);
  expect(again).toBeDefined();
  await again?.release();
  expect(await findLockHolder(name)).toBeUndefined();
});
