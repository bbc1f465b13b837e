import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("../testing/reset-connections.ts", import.meta.url));

it("resets the connections to other machines, and leaves those within this one and all that listens", async () => {
  const { stdout } = await promisify(execFile)("unshare", ["--net", process.execPath, PROGRAM], { timeout: 30_000 });
  // Here both ends are in one machine: either is reset, or told by the other.
  const broken = expect.stringMatching(/^ECONN(?:ABORTED|RESET)$/);
  expect(JSON.parse(stdout)).toEqual({
    ipv4: broken,
    ipv6: broken,
    halfClosed: broken,
    loopback: "still here",
    ownAddress: "still here",
    toAgent: "still here",
    newConnection: "still here",
  });
});
