import { once } from "node:events";
import { existsSync, truncateSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { LIMITS } from "@wrenn/protocol/limits";
import type { FileEntry, FileEntryResult, FileList } from "@wrenn/protocol/rest/files";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { answerOf, readBytes, startFilesLab } from "../../testing/files-lab.ts";
import type { Answer, Failure, TestPlatform } from "../../testing/platform.ts";
import { ENGINES } from "../../testing/postgres.ts";
import { Relay } from "../../testing/relay.ts";
import { until } from "../../testing/until.ts";

const MIB = 1024 * 1024;
/** Far more than sockets and streams between client and guest hold. */
const LARGE = 256 * MIB;
const LITTLE = 48 * MIB;

describe.each(ENGINES)("files on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let id: string;
  let home: string;

  beforeAll(async () => {
    ({ platform, id, home } = await startFilesLab(engine));
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(() => until(() => platform.host.guest.open === 0));

  const files = <Body = FileList & FileEntryResult & Failure>(
    action: string,
    body: object,
    init?: RequestInit,
  ): Promise<Answer<Body>> => platform.act<Body>(id, `files/${action}`, body, init);

  function form(...parts: [name: string, value: string | Uint8Array<ArrayBuffer>][]): FormData {
    const data = new FormData();
    for (const [name, value] of parts) {
      if (typeof value === "string") data.append(name, value);
      else data.append(name, new Blob([value]), "upload.bin");
    }
    return data;
  }

  async function submit(action: string, body: FormData): Promise<Answer<Failure>> {
    const url = `${platform.url}/v1/capsules/${id}/files/${action}`;
    const answer = await fetch(url, { method: "POST", body, headers: { "x-api-key": platform.key } });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === "" ? {} : JSON.parse(text) };
  }

  const urlOf = (action: string, path: string, capsule = id) =>
    `${platform.url}/v1/capsules/${capsule}/files/${action}?${new URLSearchParams({ path })}`;

  async function download(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    const call = httpRequest(urlOf("download", path), { headers: { "x-api-key": platform.key, ...headers } }).end();
    const answered = once(call, "response");
    call.on("error", () => {});
    const [answer] = (await answered) as [IncomingMessage];
    return answer;
  }

  function upload(path: string, headers: Record<string, string | number> = {}, capsule = id): ClientRequest {
    return httpRequest(urlOf("upload", path, capsule), {
      method: "PUT",
      headers: { "x-api-key": platform.key, "content-type": "application/octet-stream", ...headers },
    });
  }

  describe("write and read", () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, n) => n % 251);

    it.each([
      ["write", "read"],
      ["stream/write", "stream/read"],
    ])("%s makes the folders above and replaces the file, %s returns it", async (write, read) => {
      const path = join(home, write, "a/ü/b.bin");
      for (const content of [bytes, bytes.slice(0, 10), new Uint8Array()]) {
        expect(await submit(write, form(["path", path], ["file", content]))).toMatchObject({ status: 204 });
        expect(new Uint8Array(await readFile(path))).toEqual(content);
        const answer = await readBytes(platform, `/v1/capsules/${id}/files/${read}`, path);
        expect(answer.status).toBe(200);
        expect(answer.headers.get("content-type")).toBe("application/octet-stream");
        expect(await answer.bytes()).toEqual(content);
      }
    });

    it("paths are relative to the home of the user, for which ~ stands too", async () => {
      for (const path of ["relative.txt", "~/tilde.txt"]) {
        expect((await submit("write", form(["path", path], ["file", bytes]))).status).toBe(204);
        expect((await files<string>("read", { path })).status).toBe(200);
      }
      expect((await readdir(home)).filter((name) => /relative|tilde/.test(name))).toHaveLength(2);
    });

    it("the parts of write may come in any order, with others between; those of stream/write may not", async () => {
      const path = join(home, "any-order");
      const parts = [["file", bytes] as const, ["other", "x"] as const, ["path", path] as const];
      expect((await submit("write", form(...parts.map((part) => [...part] as [string, string])))).status).toBe(204);
      expect(new Uint8Array(await readFile(path))).toEqual(bytes);
      expect(await submit("stream/write", form(...parts.map((part) => [...part] as [string, string])))).toMatchObject({
        status: 400,
        body: { error: { code: "invalid_request", message: "the part path must come before the part file" } },
      });
    });

    it.each([
      ["no path", form(["file", bytes]), "the part path is missing"],
      ["no file", form(["path", "x"]), "the part file is missing"],
      ["nothing", form(), /missing|valid multipart/],
      ["an empty path", form(["path", ""], ["file", bytes]), /^path /],
      ["a path with NUL", form(["path", "a\0b"], ["file", bytes]), /^path must not contain NUL/],
      ["a path that is too long", form(["path", "a/".repeat(9000)], ["file", bytes]), /^path /],
      ["a file that is a text", form(["path", "x"], ["file", "text"]), "the part file must have a file name"],
    ])("a form with %s is refused", async (_what, body, message) => {
      const answer = await submit("write", body);
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
      expect(answer.body.error.message).toMatch(message);
    });

    it("another body is refused", async () => {
      for (const action of ["write", "stream/write"]) {
        expect(await files(action, { path: "x", file: "y" })).toMatchObject({
          status: 400,
          body: { error: { message: "the content type must be multipart/form-data" } },
        });
        const headers = { "content-type": "multipart/form-data" };
        expect(await files(action, {}, { headers })).toMatchObject({ status: 400 });
      }
    });

    it("write takes 100 MiB and not a byte more, and leaves the old file then", async () => {
      const path = join(home, "large");
      const large = new Uint8Array(LIMITS.fileWriteBytes + 1);
      expect((await submit("write", form(["path", path], ["file", large.subarray(1)]))).status).toBe(204);
      await writeFile(path, "old");
      for (const parts of [form(["path", path], ["file", large]), form(["file", large], ["path", path])]) {
        expect(await submit("write", parts)).toMatchObject({ status: 413, body: { error: { code: "too_large" } } });
      }
      expect(await readFile(path, "utf8")).toBe("old");
      expect((await submit("stream/write", form(["path", path], ["file", large]))).status).toBe(204);
      expect((await stat(path)).size).toBe(large.length);
      await rm(path);
    }, 120_000);

    it.each([
      ["read", "nowhere/at-all", 404, "not_found"],
      ["stream/read", "nowhere/at-all", 404, "not_found"],
      ["read", ".", 400, "invalid_request"],
      ["read", "/dev/zero", 400, "invalid_request"],
      ["read", "", 400, "invalid_request"],
      ["read", "a\0b", 400, "invalid_request"],
      ["read", "x".repeat(5000), 400, "invalid_request"],
      ["list", "nowhere", 404, "not_found"],
      ["list", "/etc/passwd", 400, "invalid_request"],
      ["remove", "nowhere", 404, "not_found"],
      ["stat", "nowhere", 404, "not_found"],
      ["mkdir", "/etc/passwd", 400, "invalid_request"],
    ])("%s of %.20s is answered with %i %s", async (action, path, status, code) => {
      expect(await files(action, { path })).toMatchObject({ status, body: { error: { code } } });
    });

    it.each([
      ["/", 400, "invalid_request"],
      ["/etc", 400, "invalid_request"],
      ["/dev/full", 400, "invalid_request"],
      ["/etc/passwd/x", 400, "invalid_request"],
    ])("write to %s is answered with %i %s", async (path, status, code) => {
      const answer = await submit("write", form(["path", path], ["file", bytes]));
      expect(answer).toMatchObject({ status, body: { error: { code } } });
    });
  });

  describe("folders", () => {
    const entry = (entries: FileEntry[], name: string) => entries.find((one) => one.name === name);

    it("are made with those above, listed, and removed with all in them", async () => {
      const path = join(home, "dir/sub/deep");
      const made = await files("mkdir", { path });
      expect(made).toMatchObject({ status: 200, body: { entry: { name: "deep", path, type: "directory" } } });
      expect(await files("mkdir", { path })).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });
      await writeFile(join(path, "f"), "12345", { mode: 0o640 });
      const names = async (depth?: number) =>
        (await files("list", { path: join(home, "dir"), ...(depth === undefined ? {} : { depth }) })).body.entries.map(
          ({ name }) => name,
        );
      expect(await names()).toEqual(["sub"]);
      expect(await names(0)).toEqual(["sub"]);
      expect(await names(2)).toEqual(["sub", "deep"]);
      expect(await names(1000)).toEqual(["sub", "deep", "f"]);
      expect((await files("list", { path: join(home, "dir"), depth: -1 })).status).toBe(400);
      expect((await files("remove", { path: join(home, "dir") })).status).toBe(204);
      expect(existsSync(join(home, "dir"))).toBe(false);
      expect((await files("remove", { path: join(home, "dir") })).status).toBe(404);
    });

    it("list what is there in words that every client knows", async () => {
      const path = join(home, "kinds");
      await mkdir(path);
      await writeFile(join(path, "file"), "12345", { mode: 0o640 });
      await symlink("file", join(path, "link"));
      await symlink("nowhere", join(path, "broken"));
      await platform.act(id, "exec", { cmd: "mkfifo", args: [join(path, "fifo")] });
      const socket = createServer().listen(join(path, "socket"));
      await once(socket, "listening");
      const { entries } = (await files("list", { path })).body;
      socket.close();
      expect(entries.map(({ name, type }) => `${name} ${type}`)).toEqual([
        "broken file",
        "fifo file",
        "file file",
        "link file",
        "socket file",
      ]);
      expect(entry(entries, "file")).toEqual({
        name: "file",
        path: join(path, "file"),
        type: "file",
        size: 5,
        mode: 0o640,
        permissions: "-rw-r-----",
        owner: "root",
        group: "root",
        modified_at: Math.floor((await stat(join(path, "file"))).mtimeMs / 1000),
      });
      expect(entry(entries, "link")?.symlink_target).toBe(join(path, "file"));
      expect(entry(entries, "broken")?.symlink_target).toBe("nowhere");
    });

    it("tell what a path is, and rename it", async () => {
      const [source, destination] = [join(home, "old"), join(home, "moved/new")];
      await writeFile(source, "abc");
      expect((await files("stat", { path: source })).body.entry).toMatchObject({ path: source, type: "file", size: 3 });
      const moved = await files("move", { source, destination });
      expect(moved).toMatchObject({ status: 200, body: { entry: { path: destination } } });
      expect(await readFile(destination, "utf8")).toBe("abc");
      expect((await files("move", { source, destination })).status).toBe(404);
      expect((await files("move", { source })).status).toBe(400);
    });
  });

  describe("download", () => {
    it("sends ranges, conditions and gzip as HTTP has them", async () => {
      const path = join(home, "text.txt");
      await writeFile(path, "hello world\n".repeat(1000));
      const whole = await download(path);
      expect(whole.statusCode).toBe(200);
      expect(whole.headers).toMatchObject({
        "content-length": "12000",
        "content-type": "application/octet-stream",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-disposition": "inline; filename*=UTF-8''text.txt",
      });
      expect((await buffer(whole)).length).toBe(12_000);
      const { etag = "", "last-modified": modified = "" } = whole.headers;

      const part = await download(path, { range: "bytes=6-10" });
      expect([part.statusCode, part.headers["content-range"]]).toEqual([206, "bytes 6-10/12000"]);
      expect((await buffer(part)).toString()).toBe("world");
      for (const condition of [{ "if-none-match": etag }, { "if-modified-since": modified }]) {
        const same = await download(path, condition);
        expect([same.statusCode, (await buffer(same)).length]).toEqual([304, 0]);
      }
      const beyond = await download(path, { range: "bytes=99999-" });
      expect([beyond.statusCode, beyond.headers["content-range"]]).toEqual([416, "bytes */12000"]);
      expect(JSON.parse((await buffer(beyond)).toString())).toMatchObject({
        error: { code: "range_not_satisfiable" },
      });
      const packed = await download(path, { "accept-encoding": "gzip" });
      expect(packed.headers["content-encoding"]).toBe("gzip");
      expect(gunzipSync(await buffer(packed)).length).toBe(12_000);
    });

    it("says what is wrong", async () => {
      for (const [path, status, code] of [
        ["nowhere", 404, "not_found"],
        ["/", 400, "invalid_request"],
        ["", 400, "invalid_request"],
      ] as const) {
        const answer = await download(path);
        expect([answer.statusCode, JSON.parse((await buffer(answer)).toString())]).toMatchObject([
          status,
          { error: { code } },
        ]);
      }
    });

    it("reads no faster than its client", async () => {
      const path = join(home, "sparse");
      await writeFile(path, "");
      truncateSync(path, LARGE);
      await using relay = await Relay.start(Number(new URL(platform.url).port));
      relay.hold();
      const { guest } = platform.host;
      const before = guest.sent;
      const call = httpRequest(urlOf("download", path), { port: relay.port, headers: { "x-api-key": platform.key } });
      const answered = once(call.end(), "response") as Promise<[IncomingMessage]>;
      let sent = -1;
      await until(() => guest.sent > before && sent === (sent = guest.sent));
      expect(sent - before).toBeLessThan(LITTLE);
      relay.release();
      const [answer] = await answered;
      let bytes = 0;
      for await (const chunk of answer as AsyncIterable<Buffer>) bytes += chunk.length;
      expect(bytes).toBe(LARGE);
      await rm(path);
    }, 60_000);

    it("breaks off when the capsule does: half a file is not taken for all of it", async () => {
      const path = join(home, "broken-off");
      await writeFile(path, "");
      truncateSync(path, LARGE);
      const answer = await download(path);
      await once(answer, "readable");
      platform.host.guest.cut();
      await expect(buffer(answer)).rejects.toThrow();
      await rm(path);
    });

    it("ends in the capsule when the client leaves", async () => {
      const path = join(home, "left");
      await writeFile(path, "");
      truncateSync(path, LARGE);
      const answer = await download(path);
      await once(answer, "readable");
      expect(platform.host.guest.open).toBe(1);
      answer.destroy();
      await until(() => platform.host.guest.open === 0);
      await rm(path);
    });
  });

  describe("upload", () => {
    it("writes the bytes of the body", async () => {
      const path = join(home, "up/load.bin");
      expect(await answerOf(upload(path).end("abc"))).toEqual({ status: 204, body: undefined });
      expect(await readFile(path, "utf8")).toBe("abc");
      expect(await answerOf(upload(path, { "content-length": 0 }).end())).toMatchObject({ status: 204 });
      expect((await stat(path)).size).toBe(0);
    });

    it("takes bytes no faster than the capsule, however many there are", async () => {
      const path = join(home, "much");
      const { guest } = platform.host;
      const release = guest.hold();
      const chunk = Buffer.alloc(MIB);
      const call = upload(path);
      let sent = 0;
      const sending = (async () => {
        for (; sent < LARGE; sent += MIB) if (!call.write(chunk)) await once(call, "drain");
        call.end();
      })();
      let before = -1;
      await until(() => sent > 0 && before === (before = sent));
      expect(sent).toBeLessThan(LITTLE);
      release();
      expect(await answerOf(call)).toMatchObject({ status: 204 });
      await sending;
      expect((await stat(path)).size).toBe(LARGE);
      await rm(path);
    }, 60_000);

    it("leaves the old file when the client leaves in the middle", async () => {
      const path = join(home, "half");
      await writeFile(path, "old");
      const received = platform.host.guest.received;
      const call = upload(path, { "content-length": LARGE });
      call.on("error", () => {});
      call.write(Buffer.alloc(MIB));
      await until(() => platform.host.guest.received > received);
      call.destroy();
      await until(() => platform.host.guest.open === 0);
      expect(await readFile(path, "utf8")).toBe("old");
      await until(async () => (await readdir(home)).every((name) => !name.includes("wrenn-upload")));
    });

    it("tells a client that still sends why nobody wants it", async () => {
      const paused = await platform.createCapsule();
      await platform.act(paused.id, "pause");
      const answer = await answerOf(upload("x", {}, paused.id).end(Buffer.alloc(64 * MIB)));
      expect(answer).toEqual({
        status: 409,
        body: { error: { code: "invalid_state", message: "capsule is not running" } },
      });
      expect(await answerOf(upload("/etc").end(Buffer.alloc(64 * MIB)))).toMatchObject({ status: 400 });
      await platform.destroyCapsule(paused.id);
    });

    it("wakes a capsule that its host paused a moment ago", async () => {
      const sleeper = await platform.createCapsule({ auto_resume: true });
      const machine = platform.host.machines.get(sleeper.id);
      if (machine !== undefined) machine.status = "paused";
      const path = join(home, "woken");
      expect(await answerOf(upload(path, {}, sleeper.id).end("awake"))).toMatchObject({ status: 204 });
      expect(await readFile(path, "utf8")).toBe("awake");
      await platform.destroyCapsule(sleeper.id);
    });
  });

  it("are for nobody of another team", async () => {
    const headers = { "x-api-key": await platform.otherTeam() };
    await writeFile(join(home, "secret"), "mine");
    for (const action of ["read", "stream/read", "list", "stat", "mkdir", "remove"]) {
      expect((await files(action, { path: join(home, "secret") }, { headers })).status, action).toBe(404);
    }
    for (const [method, path] of [
      ["GET", "files/download?path=secret"],
      ["PUT", "files/upload?path=secret"],
      ["GET", "processes"],
      ["DELETE", "processes/1"],
      ["GET", "ports"],
    ] as const) {
      const { status } = await platform.request(method, `/v1/capsules/${id}/${path}`, { headers });
      expect(status, path).toBe(404);
    }
    expect(await readFile(join(home, "secret"), "utf8")).toBe("mine");
  });
});
