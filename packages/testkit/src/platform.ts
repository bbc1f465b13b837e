/** A whole Wrenn for tests: the real command starts real servers and real VMs in a state folder of their own. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ApiClient } from "@wrenn/cli/api/client";
import { type CommandResult, command, tryCommand } from "@wrenn/runtime/command";
import { type Layout, layoutOf } from "@wrenn/runtime/layout";

/** The command itself. */
export const WRENN = fileURLToPath(new URL("../../../wrenn", import.meta.url));
const CACHE = process.env["WRENN_CACHE_DIR"] ?? "/var/cache/wrenn";

export interface PlatformOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** state folder whose templates are taken over, so that no cold boot is needed */
  readonly templatesFrom?: string;
}

export interface Status {
  readonly state: string;
  readonly api_url: string;
  readonly api_key: string;
  readonly capsules: number;
  readonly processes: Readonly<Record<string, number>>;
}

export class Platform {
  readonly layout: Layout;
  /** what a command needs to work on this instance */
  readonly env: NodeJS.ProcessEnv;

  private constructor(dir: string, env: Readonly<Record<string, string>>) {
    this.layout = layoutOf(dir, CACHE);
    this.env = { ...process.env, ...env, WRENN_DIR: dir };
  }

  /** A fresh state folder, nothing started. */
  static async prepare({ env = {}, templatesFrom }: PlatformOptions = {}): Promise<Platform> {
    const dir = join(tmpdir(), `wrenn-test-${randomBytes(4).toString("hex")}`);
    await mkdir(dir, { mode: 0o700 });
    const platform = new Platform(dir, env);
    if (templatesFrom !== undefined) {
      // Templates never change, so a link is as good as a copy.
      await command("cp", ["--archive", "--link", `${templatesFrom}/templates`, platform.layout.templates]);
    }
    return platform;
  }

  /** The platform that runs in a folder already. */
  static at(dir: string): Platform {
    return new Platform(dir, {});
  }

  static async start(options: PlatformOptions = {}): Promise<Platform> {
    const platform = await Platform.prepare(options);
    await platform.up();
    return platform;
  }

  /** Runs the `wrenn` command against this instance. */
  wrenn(...args: string[]): Promise<CommandResult> {
    return tryCommand(WRENN, args, { env: this.env });
  }

  /** Like `wrenn`, with JSON out. @throws when the command fails */
  async json<T>(...args: string[]): Promise<T> {
    const result = await this.wrenn(...args, "--json");
    if (result.code !== 0) throw new Error(`wrenn ${args.join(" ")}: code ${result.code}: ${result.stderr}`);
    return JSON.parse(result.stdout) as T;
  }

  async up(...args: string[]): Promise<void> {
    await this.json("up", "--detach", "--port", "0", ...args);
  }

  status(): Promise<Status> {
    return this.json("status");
  }

  async api(): Promise<ApiClient> {
    const { api_url, api_key } = await this.status();
    return new ApiClient({ url: api_url, key: api_key });
  }

  /** Removes the platform with everything it made. @throws when `down --all` fails */
  async close(): Promise<void> {
    if (!existsSync(this.layout.dir)) return;
    const result = await this.wrenn("down", "--all");
    if (result.code !== 0) throw new Error(`down --all: ${result.stderr}`);
    await rm(this.layout.dir, { recursive: true });
  }
}
