import { chmodSync } from "node:fs";
import { expect, it } from "vitest";
import { startAgent, TESTER } from "../testing/agent-fixture.ts";
import { run, shell } from "../testing/run.ts";

it("runs a process wholly as another user, and is root again", async () => {
  await using fixture = await startAgent();
  chmodSync(fixture.root, 0o755);
  const script = "id -u; id -g; id -G; grep -E 'Uid|Gid|CapEff' /proc/self/status; echo fine >/dev/stdout; pwd";
  const { stdout } = await run(fixture.client(), {
    process: { cmd: "sh", args: ["-c", script], user: TESTER.name },
    stdin: false,
  });
  const { uid, gid, extraGid } = TESTER;
  expect(stdout.toString().replaceAll("\t", " ").split("\n")).toEqual([
    `${uid}`,
    `${gid}`,
    `${gid} ${extraGid}`,
    `Uid: ${uid} ${uid} ${uid} ${uid}`,
    `Gid: ${gid} ${gid} ${gid} ${gid}`,
    "CapEff: 0000000000000000",
    "fine",
    `${fixture.root}/home`,
    "",
  ]);
  expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0]);
  expect((await run(fixture.client(), shell("id -u"))).stdout.toString()).toBe("0\n");
});
