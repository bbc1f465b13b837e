import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("../testing/watch-listeners.ts", import.meta.url));
const canTrace = readFileSync("/proc/filesystems", "utf8").includes("\ttracefs\n");

/** Traces are the whole machine's, wherever they are mounted: this one leaves nothing behind, and is found by no other test. */
const SCRIPT = `
tracing=$(mktemp -d)
mount -t tracefs tracefs "$tracing"
mkdir "$tracing/instances/test-$$"
"$@" "$tracing/instances/test-$$"
cat "$tracing/events/sock/inet_sock_set_state/enable"
rmdir "$tracing/instances/test-$$"
umount "$tracing"
rmdir "$tracing"
`;

it.skipIf(!canTrace)("a port on loopback is reached while a program listens, and nobody had to look", async () => {
  const program = spawn("unshare", ["--net", "--mount", "sh", "-c", SCRIPT, "sh", process.execPath, PROGRAM], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 30_000,
  });
  const [report = "", machineTraces] = (await text(program.stdout)).split("\n");
  expect(JSON.parse(report)).toEqual({ open: "reached", openAgain: ["reached"], closed: "ECONNREFUSED", told: true });
  expect(machineTraces).toBe("0");
});
