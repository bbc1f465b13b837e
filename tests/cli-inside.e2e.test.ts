/** The commands that work inside a capsule, as a person uses them: against a real platform, in a real terminal. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { ApiClient } from "@wrenn/cli/api/client";
import { Terminal } from "@wrenn/cli/testing/terminal";
import { tryCommand } from "@wrenn/runtime/command";
import { WRENN } from "@wrenn/testkit/platform";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sh, shared } from "./shared.ts";

const PROMPT = /[$#] $/;
const DETACH = "\u0010\u0011";

let api: ApiClient;
let id = "";
let dir = "";
beforeAll(async () => {
  api = await shared.api();
  ({ id } = await api.create({}));
  dir = await mkdtemp(join(tmpdir(), "cli-inside-"));
});
afterAll(async () => {
  await api.destroy(id);
  await rm(dir, { recursive: true });
});

const shows = (terminal: Terminal) => expect.poll(() => terminal.shown, { timeout: 30_000 });

/** The command with input from a pipe. */
async function piped(input: string | Buffer, ...args: string[]): Promise<{ code: number; stdout: string }> {
  const child = spawn(WRENN, args, { env: shared.env, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(input);
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { code, stdout };
}

describe("exec", () => {
  it("passes input and output through pipes, whatever the bytes", async () => {
    const input = Buffer.alloc(3_000_000, Buffer.from([0, 255, 10, 13, 195, 40]));
    await writeFile(`${dir}/input`, input);
    const script = `exec "$0" exec -i ${id} cat < ${dir}/input > ${dir}/output`;
    expect(await tryCommand("/bin/sh", ["-c", script, WRENN], { env: shared.env })).toMatchObject({ code: 0 });
    expect((await readFile(`${dir}/output`)).equals(input)).toBe(true);
  });

  it("runs in the background under a name, is listed, seen again and killed", async () => {
    const loop = "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.2; done";
    expect((await shared.wrenn("exec", "-d", "--tag", "loop", id, "sh", "-c", loop)).code).toBe(0);
    const listed = await shared.wrenn("ps", id);
    expect(listed.stdout).toContain("loop");

    const viewer = spawn(WRENN, ["attach", id, "loop"], { env: shared.env, stdio: ["ignore", "pipe", "inherit"] });
    let seen = "";
    viewer.stdout.setEncoding("utf8").on("data", (piece: string) => (seen += piece));
    await expect.poll(() => seen, { timeout: 20_000 }).toMatch(/line \d+\nline \d+\n/);
    expect((await shared.wrenn("kill", id, "loop")).code).toBe(0);
    const [code] = (await once(viewer, "close")) as [number];
    expect(code).toBe(143);
    expect((await shared.wrenn("ps", id)).stdout).not.toContain("loop");
  });
});

describe("shell", () => {
  it("is a login shell in a terminal, left and found again as it was", async () => {
    using terminal = new Terminal(["exec", "-it", "--tag", "mine", id, "bash"], shared.env);
    await shows(terminal).toMatch(PROMPT);
    terminal.type("stty size; A=kept; echo be''fore\r");
    await shows(terminal).toMatch(/30 100\r\n(.|\r|\n)*before\r\n/);
    terminal.type(DETACH);
    expect(await terminal.end()).toEqual({ code: 0, restored: true });

    using again = new Terminal(["attach", id, "mine"], shared.env);
    await shows(again).toContain("before\r\n");
    again.resize(66, 22);
    again.type("stty size; echo $A; exit 9\r");
    expect(await again.end()).toEqual({ code: 9, restored: true });
    expect(again.shown).toMatch(/22 66\r\n(.|\r|\n)*kept\r\n/);
  });
});

describe("cp", () => {
  it("copies a folder there and back, with modes, links and odd names", async () => {
    const from = `${dir}/from`;
    await mkdir(`${from}/a b/empty`, { recursive: true });
    await writeFile(`${from}/a b/ünï\ncode`, "odd");
    await writeFile(`${from}/run.sh`, "#!/bin/sh\necho ran\n", { mode: 0o755 });
    await writeFile(`${from}/large`, Buffer.alloc(20_000_000, "large"));
    await symlink("a b/ünï\ncode", `${from}/link`);
    expect(await shared.wrenn("cp", from, `${id}:/srv/copied`)).toMatchObject({ code: 0 });
    expect(await sh(api, id, "/srv/copied/run.sh; cat /srv/copied/link; stat -c %s /srv/copied/large")).toBe(
      "ran\nodd20000000",
    );
    expect(await shared.wrenn("cp", `${id}:/srv/copied`, `${dir}/back`)).toMatchObject({ code: 0 });
    expect(await tryCommand("diff", ["--recursive", "--no-dereference", from, `${dir}/back`])).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  it("reads from and writes to pipes", async () => {
    expect((await piped("piped in", "cp", "-", `${id}:/root/from-pipe`)).code).toBe(0);
    expect((await piped("", "cp", `${id}:/root/from-pipe`, "-")).stdout).toBe("piped in");
  });

  it("says which file is missing", async () => {
    const missing = await shared.wrenn("cp", `${id}:/root/nothing`, dir);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("/root/nothing");
  });
});

describe("what happens inside", () => {
  it("is shown as it happens: files and ports", async () => {
    await sh(api, id, "mkdir -p /root/watched");
    const watch = (...args: string[]) => {
      const child = spawn(WRENN, args, { env: shared.env, stdio: ["ignore", "pipe", "pipe"] });
      let shown = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (piece: string) => (shown += piece));
      return { child, shown: () => shown };
    };
    const files = watch("watch", id, "/root/watched");
    const ports = watch("ports", "--watch", id);
    try {
      // Both have begun when what they are told arrives; until then it is done again.
      await expect
        .poll(
          async () => {
            await sh(api, id, "date > /root/watched/new-file");
            return files.shown();
          },
          { timeout: 30_000, interval: 500 },
        )
        .toContain("new-file");
      await api.start(id, { cmd: "python3", args: ["-m", "http.server", "--bind", "127.0.0.1", "8765"], tag: "web" });
      await expect.poll(() => ports.shown(), { timeout: 30_000 }).toContain("8765");
      expect((await shared.wrenn("ports", id)).stdout).toMatch(/8765.*python3/);
    } finally {
      for (const { child } of [files, ports]) {
        child.kill("SIGINT");
        await once(child, "close");
      }
      await shared.wrenn("kill", id, "web");
    }
  });
});
