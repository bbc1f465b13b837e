import { spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TESTER } from "../testing/agent-fixture.ts";
import { asUser } from "./impersonate.ts";

it("does not let programs of the user send signals to the agent", () => {
  const folder = mkdtempSync(join(tmpdir(), "impersonate-"));
  chownSync(folder, TESTER.uid, TESTER.gid);
  chmodSync(folder, 0o755);
  const file = (name: string) => join(folder, name);
  const { uid, gid } = TESTER;
  const script = `until [ -e go ]; do sleep 0.01; done
    if kill -0 ${process.pid} 2>/dev/null; then echo may; else echo may not; fi >answer; mv answer told`;
  spawn("sh", ["-c", script], { uid, gid, cwd: folder, stdio: "ignore" });
  const user = { name: TESTER.name, uid, gid, groups: [gid], home: folder, shell: "/bin/sh" };
  asUser(user, () => {
    writeFileSync(file("go"), "");
    for (let waits = 0; waits < 500 && !existsSync(file("told")); waits += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  });
  expect(readFileSync(file("told"), "utf8")).toBe("may not\n");
  rmSync(folder, { recursive: true });
});
