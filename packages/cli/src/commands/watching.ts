/** `wrenn ports` and `watch`: what happens in a capsule, as it happens. */
import type { Port } from "@wrenn/protocol/rest/ports";
import type { FileWatchMessage, PortWatchMessage, watchClientMessage } from "@wrenn/protocol/rest/streams";
import type { Command } from "commander";
import type { input } from "zod";
import type { ApiClient, Query } from "../api/client.ts";
import { codedError, streamEnded } from "../api/http.ts";
import { apiClient, localInstance } from "../instance.ts";
import { json, note, out, printable, style, table } from "../output/print.ts";
import type { JsonOption } from "./options.ts";

export function portsCommand(program: Command): void {
  program
    .command("ports <id>")
    .description("List the TCP ports on which programs in a capsule listen")
    .option("-w, --watch", "go on and print each change")
    .option("--json", "print them as JSON; with --watch all of them at each change, one line each time")
    .action(async (id: string, options: { watch?: boolean } & JsonOption) => {
      const api = apiClient(localInstance());
      if (options.watch === true) return watchPorts(api, id, options);
      const ports = await api.ports(id);
      if (options.json === true) return json(ports);
      out(table(["PORT", "ADDRESS", "PID", "PROGRAM"], ports.map(row)));
    });
}

function row({ port, address, pid, process }: Port): string[] {
  return [`${port}`, printable(address), pid === undefined ? "-" : `${pid}`, printable(process ?? "-")];
}

async function watchPorts(api: ApiClient, id: string, options: JsonOption): Promise<void> {
  let before = new Map<string, string>();
  for await (const message of messages<PortWatchMessage>(api, id, ["ports", "watch"])) {
    if (message.type !== "ports") continue;
    if (options.json === true) {
      out(JSON.stringify(message.ports));
      continue;
    }
    const now = new Map(message.ports.map((port) => [`${port.address} ${port.port}`, row(port).join("  ")]));
    for (const [key, line] of before) if (!now.has(key)) out(`${style("closed", "red", process.stdout)}  ${line}`);
    for (const [key, line] of now) if (!before.has(key)) out(`${style("open", "green", process.stdout)}    ${line}`);
    before = now;
  }
}

export function watchCommand(program: Command): void {
  program
    .command("watch <id> <path>")
    .description("Print what happens to the files in a folder of a capsule")
    .option("-r, --recursive", "also in its folders")
    .option("--json", "print each event as a line of JSON")
    .action(async (id: string, path: string, options: { recursive?: boolean } & JsonOption) => {
      const query = { path, recursive: options.recursive === true };
      for await (const message of messages<FileWatchMessage>(
        apiClient(localInstance()),
        id,
        ["files", "watch"],
        query,
      )) {
        if (message.type === "started" && options.json !== true) note(style(`watching ${path}`, "dim"));
        const event = eventOf(message);
        if (event === undefined) continue;
        out(options.json === true ? JSON.stringify(event) : eventLine(event));
      }
    });
}

interface WatchEvent {
  readonly event: string;
  readonly name?: string;
  readonly renamed_from?: string | undefined;
}

function eventOf(message: FileWatchMessage): WatchEvent | undefined {
  if (message.type === "overflow") return { event: message.type };
  if (message.type !== "event") return undefined;
  const { type: _type, ...event } = message;
  return event;
}

function eventLine({ event, name, renamed_from: before }: WatchEvent): string {
  if (name === undefined) return `${event}: events are missing here, look at the folder anew`;
  return printable(`${event.padEnd(6)}  ${name}${before === undefined ? "" : `  (was ${before})`}`);
}

/** The messages of a stream that only the server can end. @throws what it ends with */
async function* messages<Message extends { readonly type: string }>(
  api: ApiClient,
  id: string,
  segments: readonly string[],
  query?: Query,
): AsyncGenerator<Message> {
  using socket = await api.socket<Message, input<typeof watchClientMessage>>(id, segments, query);
  for await (const message of socket) {
    if (message.type === "error") throw asError(message);
    yield message;
  }
  throw streamEnded();
}

function asError(message: object): Error {
  const { code, reason, data } = message as Extract<FileWatchMessage, { type: "error" }>;
  return codedError(reason ?? code, data);
}
