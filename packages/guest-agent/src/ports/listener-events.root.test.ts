import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("../testing/watch-listeners.ts", import.meta.url));
const canTrace = readFileSync("/proc/filesystems", "utf8").includes("\ttracefs\n");

it.skipIf(!canTrace)("a port on loopback is reached while a program listens, and nobody had to look", async () => {
  const program = spawn("unshare", ["--net", "--mount", process.execPath, PROGRAM], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 30_000,
  });
  expect(JSON.parse(await text(program.stdout))).toEqual({ open: "reached", closed: "ECONNREFUSED", told: true });
});
