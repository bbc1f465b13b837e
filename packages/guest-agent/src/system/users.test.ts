import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseUsers, Users } from "./users.ts";

describe("parseUsers", () => {
  it("collects a user's groups, the primary one first and once", () => {
    const users = parseUsers(
      "root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/bash\n",
      "u:x:1000:u\nsudo:x:27:a,u\nother:x:5:uu\n",
    );
    const expected = { name: "u", uid: 1000, gid: 1000, groups: [1000, 27], home: "/home/u", shell: "/bin/bash" };
    expect(users.get("u")).toEqual(expected);
  });

  it("skips what is not an entry", () => {
    const users = parseUsers("\n#c\n+::::::\nbad:x:no:1::/:\nbig:x:99999999999:1::/:\nok:x:1:2", "g\nh:x:z:ok\n");
    expect([...users.keys()]).toEqual(["ok"]);
    expect(users.get("ok")).toMatchObject({ groups: [2], home: "/", shell: "/bin/sh" });
  });
});

describe("Users", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "users-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("knows root without any file, and nobody else", () => {
    const users = new Users(root);
    expect(users.find("root")).toMatchObject({ uid: 0, home: "/root", shell: "/bin/sh" });
    expect(() => users.find("u")).toThrow('there is no user "u"');
  });

  it("sees users that are added while it runs", () => {
    const users = new Users(root);
    users.find("root");
    mkdirSync(join(root, "etc"));
    writeFileSync(join(root, "etc/passwd"), "u:x:1:1::/u:\n");
    expect(users.find("u").uid).toBe(1);
    writeFileSync(join(root, "etc/group"), "extra:x:9:u\n");
    expect(users.find("u").groups).toEqual([1, 9]);
  });
});
