/** `wrenn logs`: what the servers log, or what a capsule's machine prints on its console. */
import { open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import { type Command, InvalidArgumentError, Option } from "commander";
import { throwIfDenied } from "../denied.ts";
import { apiClient, localInstance } from "../instance.ts";
import { json } from "../output/print.ts";

const COMPONENTS = ["control-plane", "host-agent", "postgres", "supervisor"] as const;
type Component = (typeof COMPONENTS)[number];

const POLL_MS = 250;
const MAX_READ_BYTES = 8 * 1024 * 1024;

interface LogsOptions {
  readonly component?: Component;
  readonly lines: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

export function logsCommand(program: Command): void {
  program
    .command("logs [id]")
    .description("Show the servers' logs, or the console of a capsule")
    .addOption(new Option("-c, --component <name>", "only this server's log").choices(COMPONENTS))
    .option("-n, --lines <n>", "how many of the newest lines", parseCount, 100)
    .option("-f, --follow", "go on printing what is logged (servers only)")
    .option("--json", "print as JSON")
    .action(async (id: string | undefined, options: LogsOptions) => {
      if (id === undefined) await printServerLogs(localInstance().layout, options);
      else await printConsole(id, options);
    });
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("not a number of lines.");
  return Number(text);
}

async function printConsole(id: string, options: LogsOptions): Promise<void> {
  if (options.follow === true) throw new WrennError("invalid_request", "the console of a capsule cannot be followed");
  const console = await apiClient(localInstance()).console(id);
  if (options.json === true) json(console);
  else process.stdout.write(lastLines(console.console, options.lines));
}

async function printServerLogs(layout: Layout, options: LogsOptions): Promise<void> {
  const components = options.component === undefined ? COMPONENTS : [options.component];
  const logs = await Promise.all(components.map(async (component) => readLog(layout, component, options.lines)));
  if (logs.every((log) => log === undefined)) {
    throw new WrennError("not_found", `there are no logs in ${layout.logs}`);
  }
  const lines = logs.flatMap((log) => log ?? []);
  if (options.json === true) json(lines);
  else for (const { component, text } of lines) process.stdout.write(`${component.padEnd(13)} ${text}\n`);
  if (options.follow === true) await Promise.all(components.map((component) => follow(layout, component)));
}

async function readLog(layout: Layout, component: Component, lines: number) {
  const text = await readEnd(`${layout.logs}/${component}.log`);
  if (text === undefined) return undefined;
  return lastLines(text, lines)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => ({ component, text: line }));
}

/** The newest part of a file, from a whole line on; undefined when there is none. */
async function readEnd(path: string): Promise<string | undefined> {
  const file = await open(path, "r").catch((error: unknown) => throwIfDenied(error, path));
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - MAX_READ_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString("utf8", 0, bytesRead);
    return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    await file.close();
  }
}

/** Prints what is appended until the command is stopped. */
async function follow(layout: Layout, component: Component): Promise<never> {
  const path = `${layout.logs}/${component}.log`;
  let position = (await stat(path).catch(() => undefined))?.size ?? 0;
  for (;;) {
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (size < position) position = 0;
    if (size > position) {
      const file = await open(path, "r");
      const { bytesRead, buffer } = await file.read(Buffer.alloc(size - position), 0, size - position, position);
      await file.close();
      process.stdout.write(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
    await sleep(POLL_MS);
  }
}

function lastLines(text: string, count: number): string {
  const lines = text.split("\n");
  const end = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  return lines.slice(Math.max(0, end - count)).join("\n");
}
