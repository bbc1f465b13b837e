import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { filesystemClient } from "../testing/filesystem-client.ts";
import { fuzz } from "../testing/fuzz.ts";
import { type RawAnswer, rawRequest } from "../testing/http-request.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const local = (path: string) => join(fixture.root, path);
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 253));

function url(path: string | undefined, query: Record<string, string> = {}): string {
  return `${fixture.url}/files?${new URLSearchParams({ ...(path === undefined ? {} : { path }), ...query })}`;
}

function post(
  path: string | undefined,
  body: Buffer | string,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const type = { "content-type": "application/octet-stream" };
  return rawRequest(url(path), { method: "POST", body, headers: { ...type, ...headers } });
}

interface Part {
  readonly name?: string;
  readonly filename?: string;
  readonly body: Buffer | string;
}

const BOUNDARY = "b0undary";

function multipartBody(parts: readonly Part[]): Buffer {
  const chunks = parts.flatMap(({ name = "file", filename, body }) => {
    const disposition = `form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}`;
    return [`--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\n\r\n`, body, "\r\n"];
  });
  return Buffer.concat([...chunks, `--${BOUNDARY}--\r\n`].map((chunk) => Buffer.from(chunk)));
}

function postParts(
  path: string | undefined,
  parts: readonly Part[],
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  return post(path, multipartBody(parts), { "content-type": `multipart/form-data; boundary=${BOUNDARY}`, ...headers });
}

const json = ({ body }: RawAnswer): unknown => JSON.parse(body.toString());

describe("POST /files with bytes", () => {
  it("writes the exact bytes, makes missing folders, and says what it wrote", async () => {
    const answer = await post("new/deep/file.bin", BYTES);
    expect(json(answer)).toEqual([{ path: local("new/deep/file.bin"), name: "file.bin", type: "file" }]);
    expect(readFileSync(local("new/deep/file.bin")).equals(BYTES)).toBe(true);
    expect(readdirSync(local("new/deep"))).toEqual(["file.bin"]);
    expect(statSync(local("new/deep")).mode & 0o777).toBe(0o755);
    expect(statSync(local("new/deep/file.bin")).mode & 0o777).toBe(0o644);
  });

  it("needs no Content-Type and no Content-Length, and writes empty files", async () => {
    const outgoing = request(url("file"), { method: "POST", headers: { "transfer-encoding": "chunked" } });
    const answered = new Promise((resolve) => outgoing.once("response", resolve));
    outgoing.end();
    await answered;
    expect(readFileSync(local("file"), "utf8")).toBe("");
  });

  it("unpacks gzip", async () => {
    expect((await post("file", gzipSync(BYTES), { "content-encoding": "gzip" })).status).toBe(200);
    expect(readFileSync(local("file")).equals(BYTES)).toBe(true);
  });

  it("replaces a file and keeps its mode", async () => {
    writeFileSync(local("script"), "old");
    chmodSync(local("script"), 0o751);
    await post("script", "new");
    expect(readFileSync(local("script"), "utf8")).toBe("new");
    expect(statSync(local("script")).mode & 0o777).toBe(0o751);
  });

  it("writes through symbolic links, also to what is not there yet", async () => {
    mkdirSync(local("folder"));
    writeFileSync(local("target"), "old");
    symlinkSync("../target", local("folder/link"));
    symlinkSync("folder/link", local("link"));
    symlinkSync("folder/new", local("broken"));
    expect(json(await post("link", "new"))).toMatchObject([{ path: local("link"), name: "link" }]);
    await post("broken", "made");
    expect(readFileSync(local("target"), "utf8")).toBe("new");
    expect(readFileSync(local("folder/new"), "utf8")).toBe("made");
  });

  it("gives all names of a file the new bytes, with the metadata of the last upload", async () => {
    writeFileSync(local("one"), "old and longer");
    linkSync(local("one"), local("two"));
    await post("one", "newer", { "x-metadata-a": "1" });
    await post("two", "new", { "x-metadata-b": "2" });
    expect([readFileSync(local("one"), "utf8"), readFileSync(local("two"), "utf8")]).toEqual(["new", "new"]);
    const { entry } = await filesystemClient(fixture.url).stat({ path: "one" });
    expect(entry?.metadata).toEqual({ b: "2" });
  });

  it("keeps metadata with the file, and only those of the last upload", async () => {
    const answer = await post("file", "x", { "X-Metadata-Origin": "unit test", "x-metadata-a": "1" });
    expect(json(answer)).toMatchObject([{ metadata: { origin: "unit test", a: "1" } }]);
    const client = filesystemClient(fixture.url);
    expect((await client.stat({ path: "file" })).entry?.metadata).toEqual({ origin: "unit test", a: "1" });
    await post("file", "x", { "x-metadata-b": "2" });
    expect((await client.stat({ path: "file" })).entry?.metadata).toEqual({ b: "2" });
    await post("file", "x");
    expect((await client.stat({ path: "file" })).entry?.metadata).toEqual({});
  });

  it("leaves the old file, and nothing else, when the client goes away half way", async () => {
    mkdirSync(local("d"));
    writeFileSync(local("d/file"), "old");
    const outgoing = request(url("d/file"), { method: "POST" }).on("error", () => {});
    outgoing.write("half");
    await vi.waitUntil(() => readdirSync(local("d")).length === 2);
    outgoing.destroy();
    await vi.waitUntil(() => readdirSync(local("d")).length === 1);
    expect(readFileSync(local("d/file"), "utf8")).toBe("old");
  });

  it("removes the folders that it made for a file that did not come", async () => {
    const outgoing = request(url("a/b/file"), { method: "POST" }).on("error", () => {});
    outgoing.write("half");
    await vi.waitUntil(() => existsSync(local("a/b")));
    outgoing.destroy();
    await vi.waitUntil(() => !existsSync(local("a")));
  });

  it.each([
    ["no path", undefined, 400],
    ["a directory", "etc", 400],
    ["a path through a file", "etc/passwd/x", 400],
    ["a device", "/dev/null", 400],
    ["a FIFO", "fifo", 400],
    ["a name of 256 bytes", "x".repeat(256), 400],
    ["a symbolic link to itself", "loop", 400],
    ["a path below a symbolic link to nothing", "broken/x", 404],
    ["a path with NUL", "a\0b", 400],
    ["a place where no files are made", "/proc/self/x", 404],
  ])("refuses %s", async (_what, path, status) => {
    execFileSync("mkfifo", [local("fifo")]);
    symlinkSync("loop", local("loop"));
    symlinkSync("nothing", local("broken"));
    const before = readdirSync(fixture.root);
    const answer = await post(path, "x");
    expect(json(answer)).toEqual({ code: status, message: expect.any(String) });
    expect(answer.status).toBe(status);
    expect(readdirSync(fixture.root)).toEqual(before);
  });

  it.each([
    ["an unknown type", { "content-type": "text/plain" }, 415],
    ["an unknown encoding", { "content-encoding": "br" }, 415],
    ["what is not gzip", { "content-encoding": "gzip" }, 400],
    ["metadata that cannot be kept", { "x-metadata-": "x" }, 400],
  ])("refuses %s and leaves nothing behind", async (_what, headers, status) => {
    expect((await post("d/file", "x".repeat(100), headers)).status).toBe(status);
    expect(existsSync(local("d"))).toBe(false);
  });

  it("refuses gzip that ends early", async () => {
    const half = gzipSync(BYTES).subarray(0, 500);
    expect((await post("d/file", half, { "content-encoding": "gzip" })).status).toBe(400);
    expect(existsSync(local("d"))).toBe(false);
  });
});

describe("POST /files with several parts", () => {
  it("writes each file to its name with its folders", async () => {
    const answer = await postParts(undefined, [
      { filename: "dir/ä.txt", body: "one" },
      { name: "other", filename: "ignored", body: "ignored" },
      { name: "path", body: "ignored too" },
      { filename: local("two"), body: BYTES },
      { filename: "empty", body: "" },
    ]);
    expect(json(answer)).toEqual([
      { path: local("dir/ä.txt"), name: "ä.txt", type: "file" },
      { path: local("two"), name: "two", type: "file" },
      { path: local("empty"), name: "empty", type: "file" },
    ]);
    expect(readFileSync(local("dir/ä.txt"), "utf8")).toBe("one");
    expect(readFileSync(local("two")).equals(BYTES)).toBe(true);
    expect(readFileSync(local("empty"), "utf8")).toBe("");
    expect(existsSync(local("ignored"))).toBe(false);
  });

  it("writes to the path of the query, whether the part has a name or not", async () => {
    await postParts("one", [{ body: "1" }]);
    await postParts("two", [{ filename: "other", body: "2" }]);
    expect([readFileSync(local("one"), "utf8"), readFileSync(local("two"), "utf8")]).toEqual(["1", "2"]);
    expect(existsSync(local("other"))).toBe(false);
  });

  it("takes what FormData of a browser makes, compressed or not", async () => {
    const form = new FormData();
    form.append("file", new Blob([BYTES]), "form.bin");
    await fetch(url(undefined), { method: "POST", body: form });
    expect(readFileSync(local("form.bin")).equals(BYTES)).toBe(true);
    await post("packed", gzipSync(multipartBody([{ body: BYTES }])), {
      "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
      "content-encoding": "gzip",
    });
    expect(readFileSync(local("packed")).equals(BYTES)).toBe(true);
  });

  it("writes hundreds of small files of one request", async () => {
    const parts = Array.from({ length: 900 }, (_, index) => ({ filename: `many/${index}`, body: `${index}` }));
    expect((await postParts(undefined, parts)).status).toBe(200);
    expect(readdirSync(local("many"))).toHaveLength(900);
    expect(readFileSync(local("many/899"), "utf8")).toBe("899");
  }, 30_000);

  it.each([
    ["a part without a name when there is no path", undefined, [{ body: "x" }], 400],
    ["two files of one path", "d/file", [{ body: "x" }, { body: "y" }], 400],
    ["no file at all", "d/file", [{ name: "other", body: "x" }], 400],
    ["a file that cannot be written", undefined, [{ filename: "etc", body: "x" }], 400],
    [
      "more files than it counts",
      undefined,
      Array.from({ length: 1001 }, (_, n) => ({ filename: `n/${n}`, body: "" })),
      413,
    ],
  ])("refuses %s", async (_what, path, parts: Part[], status) => {
    expect((await postParts(path, parts)).status).toBe(status);
  });

  it.each([
    ["no boundary", "multipart/form-data", "x"],
    ["no parts", `multipart/form-data; boundary=${BOUNDARY}`, "x"],
    [
      "an end in the middle of a file",
      `multipart/form-data; boundary=${BOUNDARY}`,
      multipartBody([{ body: BYTES }]).subarray(0, 1000),
    ],
    [
      "an end before the last boundary",
      `multipart/form-data; boundary=${BOUNDARY}`,
      multipartBody([{ body: "x" }]).subarray(0, -10),
    ],
  ])("refuses %s and leaves nothing behind", async (_what, type, body) => {
    expect((await post("d/file", body, { "content-type": type })).status).toBe(400);
    expect(existsSync(local("d"))).toBe(false);
  });

  it("leaves no half file when the client goes away in the middle of one", async () => {
    mkdirSync(local("d"));
    const headers = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
    const outgoing = request(url(undefined), { method: "POST", headers }).on("error", () => {});
    outgoing.write(
      multipartBody([
        { filename: "d/one", body: "1" },
        { filename: "d/two", body: BYTES },
      ]).subarray(0, 70_000),
    );
    await vi.waitUntil(() => readdirSync(local("d")).length === 2);
    outgoing.destroy();
    await vi.waitUntil(() => readdirSync(local("d")).length === 1);
    expect(readFileSync(local("d/one"), "utf8")).toBe("1");
  });
});

it("answers while a client is still sending, and reads what was sent after that", async () => {
  const answer = await post("etc", Buffer.alloc(8 * 1024 * 1024));
  expect(answer.status).toBe(400);
});

it("keeps memory flat while it writes a large file", async () => {
  const size = 256 * 1024 * 1024;
  const outgoing = request(url("copy"), { method: "POST" });
  const answered = new Promise((resolve) => outgoing.once("response", resolve));
  const chunk = Buffer.alloc(256 * 1024, 1);
  let peak = 0;
  for (let sent = 0; sent < size; sent += chunk.length) {
    if (!outgoing.write(chunk)) await new Promise((resolve) => outgoing.once("drain", resolve));
    peak = Math.max(peak, process.memoryUsage().external);
  }
  outgoing.end();
  await answered;
  expect(statSync(local("copy")).size).toBe(size);
  expect(peak).toBeLessThan(160 * 1024 * 1024);
});

it(
  "answers any multipart body, writes nowhere else, and leaves no half files",
  fuzz(300, async (random) => {
    mkdirSync(local("sandbox"), { recursive: true });
    const pieces = [
      `--${BOUNDARY}`,
      `--${BOUNDARY}--`,
      "\r\n",
      "\r\n\r\n",
      "Content-Disposition: form-data; ",
      'name="file"; ',
      'filename="sandbox/a"',
      'filename="sandbox/../sandbox/b"',
      "filename*=UTF-8''sandbox/%ff",
      "Content-Type: application/octet-stream\r\n",
      "--",
      "\0",
      "x".repeat(500),
    ];
    const valid = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="sandbox/c"\r\n\r\nbody`;
    const body = random.pick(["", valid, `${valid}\r\n`]) + random.join(pieces, 20);
    const before = readdirSync(fixture.root);
    const { status } = await post(undefined, body, { "content-type": `multipart/form-data; boundary=${BOUNDARY}` });
    expect([200, 400, 413]).toContain(status);
    expect(readdirSync(fixture.root)).toEqual(before);
    expect(readdirSync(local("sandbox")).filter((name) => name.startsWith("."))).toEqual([]);
  }),
);
