/**
 * A server that stands for the REST API with one capsule, `cl-a`, whose programs and files are this machine's. Paths are relative to its
 * home. Connections can be made to break, as they do in the world.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { json } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { FileEntry } from "@wrenn/protocol/rest/files";
import type { Exec } from "@wrenn/protocol/rest/processes";
import { vi } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { type BinaryOutput, runBinary } from "./command.ts";
import { API_KEY } from "./fake-api.ts";
import { FakeProcess } from "./fake-process.ts";

const ROOT = "/v1/capsules/cl-a/";

export class FakeCapsule implements AsyncDisposable {
  readonly url: string;
  readonly home = mkdtempSync(join(tmpdir(), "wrenn-capsule-"));
  /** of everything that was ever started */
  readonly processes: FakeProcess[] = [];
  /** paths of the streams, in the order of opening */
  readonly streams: string[] = [];
  /** messages of the clients, in the order of arrival */
  readonly messages: { type: string; [field: string]: unknown }[] = [];
  /** Called before each message for a client; true breaks the connection instead, without a farewell. */
  breaks: (message: { type: string }) => boolean = () => false;
  /** Downloads break in the middle. */
  breaksDownloads = false;
  /** Called at each opening; an error refuses it. */
  refuses: (path: string) => WrennError | undefined = () => undefined;
  /** Streams that no process serves, by the end of their path; messages are only noted. */
  serves: Readonly<Record<string, (socket: WebSocket) => void>> = {};
  readonly #server: Server;
  readonly #sockets = new Set<WebSocket>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<FakeCapsule> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const capsule = new FakeCapsule(server);
    vi.stubEnv("WRENN_API_URL", capsule.url);
    vi.stubEnv("WRENN_API_KEY", API_KEY);
    const sockets = new WebSocketServer({ noServer: true });
    server.on("request", (request, reply) => void capsule.#serve(request, reply));
    server.on("upgrade", (request: IncomingMessage, connection, head) => {
      const refusal = capsule.#refusalOf(request);
      if (refusal === undefined) {
        sockets.handleUpgrade(request, connection, head, (socket) => capsule.#open(socket, request));
        return;
      }
      const body = JSON.stringify({ error: { code: refusal.code, message: refusal.message } });
      const head_ = `HTTP/1.1 ${refusal.spec.status} Refused\r\nConnection: close\r\nContent-Length: ${body.length}`;
      connection.end(`${head_}\r\n\r\n${body}`);
    });
    return capsule;
  }

  /** Runs one command line against this server. */
  wrenn(args: readonly string[], stdin?: Readable): Promise<BinaryOutput> {
    return runBinary(args, stdin);
  }

  /** Breaks all connections of streams, without a farewell. */
  dropStreams(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  path(...parts: string[]): string {
    return join(this.home, ...parts);
  }

  #refusalOf(request: IncomingMessage): WrennError | undefined {
    if (request.headers["x-api-key"] !== API_KEY) return new WrennError("unauthorized", "invalid API key");
    const path = request.url ?? "";
    this.streams.push(path.slice(ROOT.length));
    if (!path.startsWith(ROOT)) return new WrennError("not_found", "capsule not found");
    return this.refuses(path);
  }

  #open(socket: WebSocket, request: IncomingMessage): void {
    const { pathname, searchParams } = new URL(request.url ?? "", this.url);
    const name = pathname.slice(ROOT.length);
    this.#sockets.add(socket);
    const isPty = name === "pty";
    let process: FakeProcess | undefined;
    const follow = (found: FakeProcess | undefined, from: number) => {
      process = found;
      if (found === undefined) {
        return this.#say(socket, { type: "error", data: "no such process", code: "not_found", fatal: true });
      }
      const { pid } = found.child;
      this.#say(socket, isPty ? { type: "started", tag: found.command.tag, pid } : { type: "start", pid });
      const tell = (message: { type: string }) => this.#say(socket, isPty ? ofTerminal(message) : message);
      socket.once("close", found.listen(from, tell));
    };
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString("utf8")) as { type: string; [field: string]: unknown };
      this.messages.push(message);
      if (this.serves[name] !== undefined) return;
      if (message.type === "start") follow(this.#start(message as never, isPty), 0);
      if (message.type === "connect") follow(this.#find(String(message["tag"])), Number(message["from_seq"]));
      const bytes = Buffer.from(String(message["data"]), "base64");
      const taken = () =>
        void (message["ack"] !== undefined && this.#say(socket, { type: "ack", ack: message["ack"] }));
      if (message.type === "stdin" || message.type === "input") process?.child.stdin?.write(bytes, taken);
      if (message.type === "close_stdin") process?.child.stdin?.end(taken);
      if (message.type === "signal") process?.signal(message["signal"] as string);
    });
    const scripted = this.serves[name];
    if (scripted !== undefined) return scripted(socket);
    const selector = /^processes\/(.*)\/stream$/.exec(name)?.[1];
    if (selector === undefined) return;
    follow(this.#find(decodeURIComponent(selector)), Number(searchParams.get("from_seq") ?? 0));
  }

  #say(socket: WebSocket, message: { type: string; [field: string]: unknown }): void {
    if (socket.readyState !== socket.OPEN) return;
    if (this.breaks(message)) return socket.terminate();
    socket.send(JSON.stringify(message));
    if (message.type === "exit" || message.type === "error") socket.close(1000);
  }

  #start(command: Exec, pty = false): FakeProcess {
    const process = new FakeProcess(command as never, this.home, pty);
    this.processes.push(process);
    return process;
  }

  #find(selector: string): FakeProcess | undefined {
    return this.processes.find(({ command, child }) => command.tag === selector || `${child.pid}` === selector);
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    try {
      const answer = await this.#answer(request, reply);
      if (reply.headersSent) return;
      if (answer === undefined) reply.writeHead(204).end();
      else reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
    } catch (error) {
      const { code, message, spec } = WrennError.from(error, "internal_error", String(error));
      if (reply.headersSent) reply.destroy();
      else reply.writeHead(spec.status, { connection: "close" }).end(JSON.stringify({ error: { code, message } }));
    }
  }

  async #answer(request: IncomingMessage, reply: ServerResponse): Promise<object | undefined> {
    const { pathname, searchParams } = new URL(request.url ?? "", this.url);
    const route = `${request.method} ${pathname.slice(ROOT.length)}`;
    const path = resolve(this.home, searchParams.get("path") ?? "");
    const refusal = this.refuses(pathname);
    if (refusal !== undefined) throw refusal;
    const killed = /^DELETE processes\/(.*)$/.exec(route)?.[1];
    if (killed !== undefined) return this.#kill(killed, searchParams.get("signal") ?? "SIGKILL");
    switch (route) {
      case "GET processes":
        return { processes: this.processes.filter(({ running }) => running).map(viewOf) };
      case "POST exec":
        return this.#exec((await json(request)) as Exec);
      case "POST files/stat":
        return { entry: entryOf(resolve(this.home, ((await json(request)) as { path: string }).path)) };
      case "GET files/download": {
        reply.writeHead(200, { "content-length": statSync(path).size });
        const part = this.breaksDownloads ? { end: statSync(path).size / 2 } : {};
        await pipeline(createReadStream(path, part), reply, { end: !this.breaksDownloads });
        reply.destroy();
        return;
      }
      case "PUT files/upload":
        await this.#upload(request, path);
        return;
      default:
        throw new WrennError("not_found", `no route ${route}`);
    }
  }

  #kill(selector: string, signal: string): undefined {
    const process = this.#find(selector);
    if (process?.running !== true) throw new WrennError("not_found", "no such process");
    process.signal(signal);
  }

  async #exec(request: Exec): Promise<object> {
    const process = this.#start({ ...request, tag: request.tag ?? "proc-fake" });
    if (request.background === true)
      return { sandbox_id: "cl-a", cmd: request.cmd, pid: process.child.pid, tag: process.command.tag };
    const output = { stdout: "", stderr: "" };
    process.listen(0, (message) => {
      if (message.type === "stdout" || message.type === "stderr")
        output[message.type] += Buffer.from(message.data, "base64");
    });
    await once(process.child, "close");
    return { ...output, exit_code: process.child.exitCode };
  }

  async #upload(request: IncomingMessage, path: string): Promise<void> {
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}`;
    try {
      await pipeline(request, createWriteStream(temporary));
      renameSync(temporary, path);
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    vi.unstubAllEnvs();
    for (const process of this.processes) process.signal("SIGKILL");
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

function viewOf({ command, child, pty }: FakeProcess): object {
  return { pid: child.pid, tag: command.tag, cmd: command.cmd, args: command.args, pty };
}

/** A terminal has one output. */
function ofTerminal(message: { type: string }): { type: string } {
  return message.type === "stdout" ? { ...message, type: "output" } : message;
}

function entryOf(path: string): FileEntry {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new WrennError("not_found", `"${path}" does not exist`);
  return {
    name: basename(path),
    path,
    type: found.isDirectory() ? "directory" : "file",
    size: found.size,
    mode: found.mode & 0o7777,
    permissions: "",
    owner: "root",
    group: "root",
    modified_at: Math.floor(found.mtimeMs / 1000),
  };
}
