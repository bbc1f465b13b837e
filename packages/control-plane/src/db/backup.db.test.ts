import { execFile } from "node:child_process";
import { lstat, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { as } from "../testing/as.ts";
import { TestPlatform } from "../testing/platform.ts";
import { ENGINES, freshDatabase, silent } from "../testing/postgres.ts";
import { addMailToken } from "../testing/rows.ts";
import { readBackup, writeBackup } from "./backup.ts";
import { Database } from "./database.ts";

describe.each(ENGINES)("a backup on PostgreSQL, $name", (engine) => {
  let platform: TestPlatform;
  let dir: string;
  let file: string;

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    dir = await mkdtemp(join(tmpdir(), "wrenn-backup-"));
    file = join(dir, "backup");
    const { id } = await platform.createCapsule();
    // Rows that refer to each other in a circle, and text of all kinds.
    await platform.post("/v1/snapshots", { sandbox_id: id, name: "base" });
    const { body: copy } = await platform.post<{ id: string }>("/v1/capsules", { template: "base" });
    await platform.post(`/v1/capsules/${copy.id}/fork`, { count: 2 });
    const user = await platform.signIn();
    await platform.db.pool.query("UPDATE users SET name = $1 WHERE id = $2", ['Zoë "x" \\ \n \u{1f600}', user.id]);
    await writeBackup(platform.db, file);
  });
  afterAll(async () => {
    await platform[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const linesOf = async (path: string) =>
    gunzipSync(await readFile(path))
      .toString()
      .split("\n");
  const empty = async () => new Database(await freshDatabase(platform.server.postgres), silent);

  it("brings an empty database to the very same content", async () => {
    await using other = await empty();
    const lines = await linesOf(file);
    // But for sessions: header, trailer, the end of the last line, and the one session.
    expect(await readBackup(other, file)).toMatchObject({ rows: lines.length - 4 });
    const again = join(dir, "again");
    await writeBackup(other, again);
    const rowsOf = (all: string[]) => all.slice(1, -2).filter((line) => !line.startsWith('["sessions"'));
    expect(await linesOf(again).then(rowsOf)).toEqual(rowsOf(lines));
    // What happens from then on is written down as before: rows that are numbered get numbers of their own.
    await other.pool.query("UPDATE capsules SET state = 'paused', paused_at = now() WHERE state = 'running'");
    // The references are checked at once again.
    const orphan =
      "INSERT INTO capsules (id, team_id, host_id) VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid())";
    await expect(other.pool.query(orphan)).rejects.toThrow();
  });

  it("lets nobody in by a session or a mailed link that ended since, and says how many keys are valid again", async () => {
    const user = await platform.signIn();
    await addMailToken(platform, "password_reset", user.id);
    await as(platform, user, "POST", "/v1/api-keys", { name: "leaked" });
    const later = join(dir, "later");
    await writeBackup(platform.db, later);
    for (const [revokeKeys, apiKeys] of [
      [false, 2],
      [true, 0],
    ] as const) {
      await using other = await empty();
      expect(await readBackup(other, later, { revokeKeys })).toMatchObject({ apiKeys, hostTokens: 1 });
      for (const table of ["sessions", "mail_tokens"]) {
        expect((await other.pool.query(`SELECT FROM ${table}`)).rowCount, table).toBe(0);
      }
    }
  });

  it("is for its owner only", async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("replaces the file that a link leads to, and nothing that is no ordinary file", async () => {
    const [real, link, early, device] = ["real", "link", "early", "device"].map((name) => join(dir, name)) as [
      string,
      string,
      string,
      string,
    ];
    await writeFile(real, "old");
    await symlink("real", link);
    await writeBackup(platform.db, link);
    expect(await readlink(link)).toBe("real");
    expect((await linesOf(real))[0]).toContain("wrenn-backup");
    await symlink("not-there-yet", early);
    await writeBackup(platform.db, early);
    expect((await linesOf(join(dir, "not-there-yet")))[0]).toContain("wrenn-backup");
    await promisify(execFile)("mkfifo", [device]);
    for (const [path, message] of [
      [device, "no ordinary file"],
      [dir, "is a folder"],
      [join(dir, "nosuch", "x"), `no folder "${join(dir, "nosuch")}"`],
      [join(real, "x"), "ENOTDIR"],
    ] as const) {
      const refusal = { code: "invalid_request", message: expect.stringContaining(message) };
      await expect(writeBackup(platform.db, path), path).rejects.toMatchObject(refusal);
    }
    expect((await lstat(device)).isFIFO()).toBe(true);
    expect((await readdir(dir)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("is not put into a database that holds something", async () => {
    await expect(readBackup(platform.db, file)).rejects.toMatchObject({ code: "conflict" });
  });

  it.each([
    ["cut off", (lines: string[]) => lines.slice(0, -3)],
    ["with a row too few", (lines: string[]) => lines.toSpliced(2, 1)],
    [
      "of another version",
      (lines: string[]) => [lines[0]?.replace(/"migration":"./, '"migration":"x') ?? "", ...lines.slice(1)],
    ],
    ["with a row of no table", (lines: string[]) => lines.toSpliced(2, 1, '["strangers",{}]')],
    [
      "with a reference to nowhere",
      (lines: string[]) => lines.map((line) => line.replace(/"team_id": "[0-9a-f-]{8}/, '"team_id": "12345678')),
    ],
    ["that is none", () => ["hello"]],
  ])("%s is refused, and leaves the database empty", async (_what, change) => {
    await using other = await empty();
    const bad = join(dir, "bad");
    await writeFile(bad, gzipSync(change(await linesOf(file)).join("\n")));
    await expect(readBackup(other, bad)).rejects.toThrow();
    expect((await other.pool.query("SELECT FROM capsules")).rowCount).toBe(0);
    expect(await readBackup(other, file)).toMatchObject({ apiKeys: 1 });
  });

  it.each([
    ["cut by one byte", (bytes: Buffer) => bytes.subarray(0, -1)],
    ["cut by ten", (bytes: Buffer) => bytes.subarray(0, -10)],
    ["with bytes behind it", (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("more")])],
    ["with another file behind it", (bytes: Buffer) => Buffer.concat([bytes, bytes])],
    ["with another checksum", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -8), Buffer.alloc(8, 1)])],
  ])("%s is refused, and leaves the database empty", async (_what, change) => {
    await using other = await empty();
    const bad = join(dir, "bad-file");
    await writeFile(bad, change(await readFile(file)));
    await expect(readBackup(other, bad)).rejects.toMatchObject({ code: "invalid_request" });
    expect((await other.pool.query("SELECT FROM capsules")).rowCount).toBe(0);
    // Into a database that is not empty it is not read to its end, and ends nothing behind the caller's back.
    await expect(readBackup(platform.db, bad)).rejects.toThrow();
    expect(await readBackup(other, file)).toMatchObject({ apiKeys: 1 });
  });

  it("is refused when it is no file, or no gzip", async () => {
    await using other = await empty();
    await expect(readBackup(other, join(dir, "missing"))).rejects.toMatchObject({ code: "not_found" });
    await expect(readBackup(other, "/etc/passwd")).rejects.toMatchObject({ code: "invalid_request" });
  });
});
