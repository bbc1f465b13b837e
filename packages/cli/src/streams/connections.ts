/** How the streams of commands, terminals and running processes are opened, and opened again where they stopped. */
import { randomBytes } from "node:crypto";
import type { ExecStartMessage, PtyFirstMessage } from "@wrenn/protocol/rest/streams";
import type { Connection } from "./process-stream.ts";

export type Command = Omit<ExecStartMessage, "type" | "encoding">;
export type Terminal = Omit<Extract<PtyFirstMessage, { type: "start" }>, "type">;

/** A name by which a process is found again: a pid would not do, since another process may have it by then. */
export function newTag(kind: string): string {
  return `${kind}-${randomBytes(4).toString("hex")}`;
}

/** Starts a command. */
export function startCommand(command: Command & { readonly tag: string }): Connection {
  return {
    begin: { segments: ["exec", "stream"], first: { ...command, type: "start", encoding: "base64" } },
    resume: (seq) => followOpening(command.tag, seq),
  };
}

/** Starts a command with a terminal of its own. */
export function startTerminal(terminal: Terminal & { readonly tag: string }): Connection {
  return {
    begin: { segments: ["pty"], first: { ...terminal, type: "start" } },
    resume: (seq) => terminalOpening(terminal.tag, seq),
  };
}

/** A process that runs, with what is kept of its output. */
export function followProcess(selector: string): Connection {
  return { begin: followOpening(selector, 0), resume: (seq) => followOpening(selector, seq) };
}

/** A terminal that runs, with what is kept of its output. */
export function followTerminal(tag: string): Connection {
  return { begin: terminalOpening(tag, 0), resume: (seq) => terminalOpening(tag, seq) };
}

function followOpening(selector: string, seq: number): Connection["begin"] {
  return { segments: ["processes", selector, "stream"], query: { from_seq: seq, encoding: "base64" } };
}

function terminalOpening(tag: string, seq: number): Connection["begin"] {
  return { segments: ["pty"], first: { type: "connect", tag, from_seq: seq } };
}
