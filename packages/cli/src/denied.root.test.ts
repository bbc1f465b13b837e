import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";
import { identify } from "@wrenn/runtime/process-identity";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closedFolderAbove } from "./instance.ts";
import { writeSupervisor } from "./supervisor/state.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const NOBODY = 65_534;

/** Nobody can run what lies in a folder that is closed, such as root's own. */
const isClosed = [MAIN, process.execPath].some((path) => closedFolderAbove(path) !== undefined);

describe.skipIf(isClosed)("commands of a user who is not root", { timeout: 60_000 }, () => {
  let layout: Layout;

  beforeEach(async () => {
    const dir = await mkdtemp(join(tmpdir(), "wrenn-denied-"));
    await chmod(dir, 0o711);
    layout = layoutOf(dir, dir);
    const supervisor = identify(process.pid);
    if (supervisor === undefined) throw new Error("/proc is not readable");
    const vmm = { vmm: "qemu", vmmVersion: "9.0", accelerator: "tcg" };
    await writeSupervisor(layout, { supervisor, apiUrl: "http://127.0.0.1:1", ...vmm, processes: {} });
    await writeFile(layout.apiKeyFile, "k", { mode: 0o600 });
    await writeFile(layout.secretsFile, "{}", { mode: 0o600 });
    await mkdir(layout.logs, { mode: 0o700 });
  });
  afterEach(() => rm(layout.dir, { recursive: true }));

  /** What the command says for programs. */
  async function refusal(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string> {
    const env = { PATH: process.env["PATH"], WRENN_DIR: layout.dir, WRENN_CACHE_DIR: layout.dir, ...more };
    const child = spawn(process.execPath, [MAIN, ...args], {
      env,
      uid: NOBODY,
      gid: NOBODY,
      cwd: "/",
      stdio: ["ignore", "ignore", "pipe"],
    });
    return text(child.stderr);
  }

  it("say what it may not read, and what to do", async () => {
    const said = "user nobody may not read";
    const remote = "run as root, or set WRENN_API_URL and WRENN_API_KEY (forbidden)";
    expect(await refusal(["list"])).toContain(`${said} ${layout.apiKeyFile}: ${remote}`);
    expect(await refusal(["status"])).toContain(`${said} ${layout.apiKeyFile}: run as root (forbidden)`);
    expect(await refusal(["logs"])).toContain(`${said} ${layout.logs}/`);
    expect(await refusal(["list"], { WRENN_API_KEY: "mine" })).toContain("not_running");
    await chmod(layout.dir, 0o700);
    expect(await refusal(["list"])).toContain(`${said} ${layout.supervisorFile}: ${remote}`);
    expect(await refusal(["status"])).toContain(`${said} ${layout.supervisorFile}: run as root (forbidden)`);
  });

  it("start no control plane in a folder that is not theirs", async () => {
    const run = () => refusal(["control-plane"], { DATABASE_URL: "postgres://u@127.0.0.1:1/d" });
    const hint = "run as root, or choose another WRENN_DIR (config_invalid)";
    expect(await run()).toContain(`user nobody may not write to ${layout.dir}: ${hint}`);
    await chmod(layout.dir, 0o777);
    expect(await run()).toContain(`user nobody may not read ${layout.secretsFile}: ${hint}`);
  });
});
