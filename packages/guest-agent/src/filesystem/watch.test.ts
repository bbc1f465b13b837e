import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  type Dirent,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { EventType, type FilesystemEvent, FileType } from "@wrenn/protocol/gen/filesystem_pb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { filesystemClient } from "../testing/filesystem-client.ts";
import { fuzz } from "../testing/fuzz.ts";

let fixture: AgentFixture;
let client: ReturnType<typeof filesystemClient>;
const streams: AbortController[] = [];
beforeEach(async () => {
  fixture = await startAgent();
  client = filesystemClient(fixture.url);
  mkdirSync(local("w"));
});
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.abort();
  await fixture[Symbol.asyncDispose]();
});

const local = (path: string) => join(fixture.root, path);

interface Watched {
  /** `CREATE name`, and where it was before */
  readonly events: string[];
  readonly messages: FilesystemEvent[];
  overflows: number;
  readonly ended: Promise<void>;
}

function format({ type, name, renamedFrom }: FilesystemEvent): string {
  const [word] = Object.entries(EventType).find(([, value]) => value === type) ?? [];
  return `${word} ${name}${renamedFrom === undefined ? "" : ` from ${renamedFrom}`}`;
}

/** Begins a stream, and returns when the agent says that it watches. */
async function watch(path: string, options: { recursive?: boolean; includeEntry?: boolean } = {}): Promise<Watched> {
  const stream = new AbortController();
  streams.push(stream);
  const started = Promise.withResolvers<void>();
  const watched = { events: [] as string[], messages: [] as FilesystemEvent[], overflows: 0 };
  const read = async (): Promise<void> => {
    for await (const { event } of client.watchDir({ path, ...options }, { signal: stream.signal })) {
      if (event.case === "start") started.resolve();
      if (event.case === "overflow") watched.overflows += 1;
      if (event.case !== "filesystem") continue;
      watched.messages.push(event.value);
      watched.events.push(format(event.value));
    }
  };
  const ended = read();
  ended.catch(started.reject);
  await started.promise;
  return Object.assign(watched, { ended });
}

/** Returns when all that happened before has been told: something that is made now is told after it. */
async function settle(watched: Watched, folder = "w"): Promise<string[]> {
  writeFileSync(local(`${folder}/last`), "");
  await vi.waitUntil(() => watched.events.includes("CREATE last"), 5000);
  return watched.events.slice(0, -1);
}

/** Runs a script in the watched folder, while the agent of this process can do nothing. */
function shell(script: string): void {
  execFileSync("sh", ["-c", script], { cwd: local("w") });
}

function inotifyDescriptors(): number {
  const isInotify = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:inotify";
    } catch {
      // Closed since it was listed.
      return false;
    }
  };
  return readdirSync("/proc/self/fd").filter(isInotify).length;
}

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return call.then(
    () => "ok" as const,
    (error: unknown) => ConnectError.from(error).code,
  );
}

describe("WatchDir", () => {
  it("tells what happens to a file, in order", async () => {
    const watched = await watch("w");
    writeFileSync(local("w/file"), "1");
    appendFileSync(local("w/file"), "2");
    chmodSync(local("w/file"), 0o600);
    renameSync(local("w/file"), local("w/other"));
    rmSync(local("w/other"));
    expect(await settle(watched)).toEqual([
      "CREATE file",
      "WRITE file",
      "CHMOD file",
      "RENAME file",
      "CREATE other from file",
      "REMOVE other",
    ]);
  });

  it("tells what is moved in and out", async () => {
    writeFileSync(local("outside"), "");
    const watched = await watch("w");
    renameSync(local("outside"), local("w/inside"));
    renameSync(local("w/inside"), local("outside"));
    expect(await settle(watched)).toEqual(["CREATE inside", "RENAME inside"]);
  });

  it("does not look into folders unless asked to", async () => {
    const watched = await watch("w");
    mkdirSync(local("w/folder"));
    writeFileSync(local("w/folder/file"), "x");
    expect(await settle(watched)).toEqual(["CREATE folder"]);
  });

  it("tells of uploads as of writes", async () => {
    const watched = await watch("w", { recursive: true });
    const upload = (path: string) =>
      fetch(`${fixture.url}/files?path=${path}`, { method: "POST", body: Buffer.from("x") });
    await upload("w/file");
    await upload("w/new/file");
    expect(await settle(watched)).toEqual([
      "CREATE file",
      "WRITE file",
      "CREATE new",
      "CREATE new/file",
      "WRITE new/file",
    ]);
  });

  it("describes what is there when asked to", async () => {
    const watched = await watch("w", { includeEntry: true });
    writeFileSync(local("w/file"), "123");
    await vi.waitUntil(() => watched.events.includes("WRITE file"));
    mkdirSync(local("w/folder"));
    rmdirSync(local("w/folder"));
    await settle(watched);
    expect(watched.messages.find(({ type }) => type === EventType.WRITE)?.entry).toMatchObject({
      path: local("w/file"),
      size: 3n,
      type: FileType.FILE,
    });
    expect(watched.messages.find(({ type }) => type === EventType.REMOVE)?.entry).toBeUndefined();
  });

  it("shows names that are not UTF-8", async () => {
    const watched = await watch("w", { recursive: true });
    mkdirSync(Buffer.concat([Buffer.from(local("w/")), Buffer.from([0x61, 0xff])]));
    writeFileSync(Buffer.concat([Buffer.from(local("w/")), Buffer.from([0x61, 0xff, 0x2f, 0x62])]), "");
    expect(await settle(watched)).toEqual(["CREATE a\ufffd", "CREATE a\ufffd/b"]);
  });

  it.each([
    ["a missing folder", "missing", Code.NotFound],
    ["a file", "etc/passwd", Code.InvalidArgument],
    ["a path through a file", "etc/passwd/x", Code.InvalidArgument],
  ])("refuses %s", async (_what, path, code) => {
    expect(await codeOf(watch(path))).toBe(code);
    expect(inotifyDescriptors()).toBe(0);
  });

  it.each([
    ["is removed", () => rmdirSync(local("w/root")), "REMOVE ."],
    ["is moved away", () => renameSync(local("w/root"), local("w/moved")), "RENAME ."],
  ])("ends when the folder %s", async (_what, change, event) => {
    mkdirSync(local("w/root"));
    const watched = await watch("w/root", { recursive: true });
    change();
    await watched.ended;
    expect(watched.events.at(-1)).toBe(event);
    expect(inotifyDescriptors()).toBe(0);
  });

  it("watches nothing any more when nobody listens", async () => {
    const first = await watch("w");
    await watch("w", { recursive: true });
    expect(inotifyDescriptors()).toBe(1);
    streams.pop()?.abort();
    writeFileSync(local("w/file"), "");
    expect(await settle(first)).toEqual(["CREATE file"]);
    streams.pop()?.abort();
    await vi.waitUntil(() => inotifyDescriptors() === 0);
  });

  it("serves two watches of one folder, each as it was asked for", async () => {
    mkdirSync(local("w/sub"));
    const [outer, inner] = [await watch("w", { recursive: true }), await watch("w/sub")];
    writeFileSync(local("w/sub/file"), "");
    expect(await settle(inner, "w/sub")).toEqual(["CREATE file"]);
    expect(outer.events).toEqual(["CREATE sub/file", "CREATE sub/last"]);
  });
});

describe("WatchDir with all folders", () => {
  it("watches the folders that are there, those that are made, and what is made in them at once", async () => {
    mkdirSync(local("w/old/deep"), { recursive: true });
    const watched = await watch("w", { recursive: true });
    writeFileSync(local("w/old/deep/file"), "");
    mkdirSync(local("w/a/b/c"), { recursive: true });
    writeFileSync(local("w/a/b/c/file"), "x");
    await vi.waitUntil(() => watched.events.includes("WRITE a/b/c/file"));
    appendFileSync(local("w/a/b/c/file"), "y");
    writeFileSync(local("w/a/b/other"), "");
    const events = await settle(watched);
    expect(events[0]).toBe("CREATE old/deep/file");
    for (const name of ["a", "a/b", "a/b/c", "a/b/c/file", "a/b/other"]) {
      expect(events.filter((event) => event === `CREATE ${name}`)).toHaveLength(1);
    }
    expect(events.filter((event) => event === "WRITE a/b/c/file").length).toBeGreaterThan(1);
  });

  it("knows folders by their new names after a rename", async () => {
    mkdirSync(local("w/a/sub"), { recursive: true });
    mkdirSync(local("w/target"));
    const watched = await watch("w", { recursive: true });
    renameSync(local("w/a"), local("w/target/b"));
    writeFileSync(local("w/target/b/sub/file"), "");
    mkdirSync(local("w/a"));
    writeFileSync(local("w/a/file"), "");
    const events = await settle(watched);
    expect(events).toEqual([
      "RENAME a",
      "CREATE target/b from a",
      "CREATE target/b/sub/file",
      "CREATE a",
      "CREATE a/file",
    ]);
  });

  it("forgets folders that are moved away, and finds those that are moved in with all that is in them", async () => {
    mkdirSync(local("w/a/sub"), { recursive: true });
    const watched = await watch("w", { recursive: true });
    renameSync(local("w/a"), local("away"));
    writeFileSync(local("away/sub/unseen"), "");
    await vi.waitUntil(() => watched.events.includes("RENAME a"));
    renameSync(local("away"), local("w/back"));
    await vi.waitUntil(() => watched.events.includes("CREATE back/sub/unseen"));
    writeFileSync(local("w/back/sub/seen"), "");
    await vi.waitUntil(() => watched.events.includes("CREATE back/sub/seen"));
    expect(watched.events.filter((event) => event.includes("unseen"))).toEqual(["CREATE back/sub/unseen"]);
  });

  it("does not follow symbolic links", async () => {
    symlinkSync(local("etc"), local("w/link"));
    const watched = await watch("w", { recursive: true });
    symlinkSync(local("run"), local("w/other"));
    writeFileSync(local("etc/x"), "");
    writeFileSync(local("run/x"), "");
    expect(await settle(watched)).toEqual(["CREATE other"]);
  });

  it("watches a large tree, and tells every file that is copied into it once", async () => {
    for (let index = 0; index < 1000; index += 1)
      mkdirSync(local(`source/${index % 10}/${index}`), { recursive: true });
    for (let index = 0; index < 1000; index += 1) writeFileSync(local(`source/${index % 10}/${index}/file`), "x");
    const watched = await watch("w", { recursive: true });
    execFileSync("cp", ["-r", local("source"), local("w/copy")]);
    await vi.waitUntil(
      () => new Set(watched.events.filter((event) => event.startsWith("CREATE"))).size === 2011,
      20_000,
    );
    const created = watched.events.filter((event) => event.startsWith("CREATE "));
    expect(created).toHaveLength(2011);
    expect(watched.overflows).toBe(0);
  }, 30_000);

  it("sees how editors save", async () => {
    writeFileSync(local("w/file"), "old");
    const watched = await watch("w", { recursive: true });
    // vim: the old file becomes a backup, a new one is written, the backup is removed.
    renameSync(local("w/file"), local("w/file~"));
    writeFileSync(local("w/file"), "new");
    rmSync(local("w/file~"));
    // Most others: a temporary file takes the place of the old one.
    writeFileSync(local("w/.file.tmp"), "newer");
    renameSync(local("w/.file.tmp"), local("w/file"));
    const events = await settle(watched);
    expect(events).toEqual([
      "RENAME file",
      "CREATE file~ from file",
      "CREATE file",
      "WRITE file",
      "REMOVE file~",
      "CREATE .file.tmp",
      "WRITE .file.tmp",
      "RENAME .file.tmp",
      "CREATE file from .file.tmp",
    ]);
  });

  it("says that events were lost, and sees everything that follows", async () => {
    const watched = await watch("w", { recursive: true });
    // More than the kernel's queue holds while nobody reads it, and at last a folder that it has no notice of.
    shell("seq 1 9000 | xargs touch && seq 1 9000 | xargs touch && mkdir -p late/deep");
    await vi.waitUntil(() => watched.overflows > 0, 20_000);
    writeFileSync(local("w/late/deep/file"), "x");
    await vi.waitUntil(() => watched.events.includes("CREATE late/deep/file"), 20_000);
  }, 60_000);

  it(
    "loses nothing, and knows every folder by its name, whatever is done to the tree",
    fuzz(60, async (random) => {
      rmSync(local("w"), { recursive: true });
      mkdirSync(local("w"));
      const watched = await watch("w", { recursive: true });
      const folders = ["w", "w/a", "w/a/b", "w/c"];
      const names = ["a", "b", "c", "x", "y"];
      for (let step = 0; step < 60; step += 1) {
        const path = () => local(`${random.pick(folders)}/${random.pick(names)}`);
        const [one, two] = [path(), path()];
        const change = random.pick([
          () => mkdirSync(one, { recursive: true }),
          () => writeFileSync(one, "x"),
          () => renameSync(one, two),
          () => rmSync(one, { recursive: true }),
        ]);
        try {
          change();
        } catch {
          // Not every change is possible.
        }
        if (random.below(5) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const there = readdirSync(local("w"), { recursive: true, withFileTypes: true, encoding: "utf8" });
      const pathOf = (entry: Dirent) => relative(local("w"), join(entry.parentPath, entry.name));
      await settle(watched);
      expect([...replay(watched.events)]).toEqual(expect.arrayContaining(there.map(pathOf)));
      const probes = there.filter((entry) => entry.isDirectory()).map((entry) => join(pathOf(entry), "probe"));
      for (const probe of probes) writeFileSync(local(`w/${probe}`), "");
      await vi.waitUntil(() => probes.every((probe) => watched.events.includes(`CREATE ${probe}`)), 5000);
      streams.pop()?.abort();
    }),
    600_000,
  );
});

/** What is there after the events, for someone who has seen nothing else. */
function replay(events: readonly string[]): Set<string> {
  const names = new Set<string>();
  const moved = new Map<string, string[]>();
  for (const event of events) {
    const [type = "", name = "", , from = ""] = event.split(" ");
    const below = [...names].filter((each) => each.startsWith(`${name}/`));
    if (type === "CREATE") {
      names.add(name);
      for (const rest of moved.get(from) ?? []) names.add(name + rest);
    }
    if (type === "RENAME")
      moved.set(
        name,
        below.map((each) => each.slice(name.length)),
      );
    if (type === "REMOVE" || type === "RENAME") for (const each of [name, ...below]) names.delete(each);
  }
  return names;
}

describe("watchers", () => {
  const events = async (watcherId: string) => (await client.getWatcherEvents({ watcherId })).events.map(format);

  it("keep events until they are asked for", async () => {
    const { watcherId } = await client.createWatcher({ path: "w", recursive: true });
    expect(await events(watcherId)).toEqual([]);
    mkdirSync(local("w/folder"));
    const seen: string[] = [];
    await vi.waitUntil(async () => {
      seen.push(...(await events(watcherId)));
      return seen.length > 0;
    });
    expect(seen).toEqual(["CREATE folder"]);
    expect(await events(watcherId)).toEqual([]);
    await client.removeWatcher({ watcherId });
    await client.removeWatcher({ watcherId });
    expect(await codeOf(client.getWatcherEvents({ watcherId }))).toBe(Code.NotFound);
    expect(inotifyDescriptors()).toBe(0);
  });

  it("keep a bounded number of events, and say that there were more", async () => {
    const { watcherId } = await client.createWatcher({ path: "w" });
    shell("seq 1 4200 | xargs touch");
    let seen = 0;
    let overflow = false;
    for (let last = ""; !last.endsWith(" 4200"); ) {
      const answer = await client.getWatcherEvents({ watcherId });
      seen += answer.events.length;
      overflow ||= answer.overflow;
      last = answer.events.map(format).at(-1) ?? last;
    }
    expect(overflow).toBe(true);
    expect(seen).toBeLessThan(4096);
    await client.removeWatcher({ watcherId });
  }, 30_000);

  it("outlive their folder, until they are removed", async () => {
    const { watcherId } = await client.createWatcher({ path: "w" });
    rmdirSync(local("w"));
    await vi.waitUntil(() => inotifyDescriptors() === 0);
    expect(await events(watcherId)).toEqual(["REMOVE ."]);
    await client.removeWatcher({ watcherId });
  });

  it("are not more than can be kept", async () => {
    const ids = await Promise.all(
      Array.from({ length: 64 }, async () => (await client.createWatcher({ path: "w" })).watcherId),
    );
    expect(await codeOf(client.createWatcher({ path: "w" }))).toBe(Code.ResourceExhausted);
    await Promise.all(ids.map((watcherId) => client.removeWatcher({ watcherId })));
    const { watcherId } = await client.createWatcher({ path: "w" });
    await client.removeWatcher({ watcherId });
  });

  it("are forgotten when nobody asks for an hour", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { watcherId } = await client.createWatcher({ path: "w" });
      vi.advanceTimersByTime(59 * 60_000);
      expect(await codeOf(client.getWatcherEvents({ watcherId }))).toBe("ok");
      vi.advanceTimersByTime(59 * 60_000);
      expect(await codeOf(client.getWatcherEvents({ watcherId }))).toBe("ok");
      vi.advanceTimersByTime(61 * 60_000);
      expect(await codeOf(client.getWatcherEvents({ watcherId }))).toBe(Code.NotFound);
      expect(inotifyDescriptors()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
