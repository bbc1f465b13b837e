import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assertReachable, findSystemUser } from "./system-user.ts";

describe.runIf(process.getuid?.() === 0)("the system user", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "wrenn-user-"));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it("is looked up by name", async () => {
    const file = join(dir, "passwd");
    await writeFile(file, "root:x:0:0::/root:/bin/sh\nwrenn:x:997:996::/:/usr/sbin/nologin\n");
    expect(await findSystemUser(file)).toEqual({ name: "wrenn", uid: 997, gid: 996 });
  });

  it("is asked for when it does not exist", async () => {
    const file = join(dir, "empty");
    await writeFile(file, "root:x:0:0::/root:/bin/sh\nnotwrenn:x:1:1::/:/bin/sh\n");
    await expect(findSystemUser(file)).rejects.toMatchObject({
      code: "setup_required",
      message: "the system user wrenn does not exist",
    });
  });

  it("must be able to pass through every folder", async () => {
    const user = { name: "wrenn", uid: 997, gid: 996 };
    await expect(assertReachable(join(dir, "data"), user)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining(`${dir} is closed to it`),
    });
    await expect(assertReachable("/usr/bin/true", user)).resolves.toBeUndefined();
  });
});
