/**
 * Messages of the WebSockets below `/v1/capsules/{id}`, one JSON object a text frame. docs/streams.md tells how they follow
 * each other. After the first message, one with a type that is not listed here is ignored, by both sides.
 */
import { z } from "zod";
import { portSchema } from "./ports.ts";
import { commandFields, commandTimeout } from "./processes.ts";

const base64 = z.base64();
const size = z.int().min(0).max(65_535);
const seq = z.int().min(0).describe("Bytes of the process's output up to the end of this message");

/** `utf-8`: output as text, what is not UTF-8 replaced; `base64`: the exact bytes. */
export const outputEncoding = z.enum(["utf-8", "base64"]);
export type OutputEncoding = z.infer<typeof outputEncoding>;

/** The first message of a client without an X-API-Key header, within `LIMITS.authTimeoutSec`. */
export const authMessage = z.union([
  z.object({ type: z.literal("auth"), api_key: z.string() }),
  z.object({ type: z.literal("auth"), token: z.string().describe("of a session, as in `Authorization: Bearer`") }),
]);
export type AuthMessage = z.infer<typeof authMessage>;

const ack = z
  .int()
  .min(0)
  .describe("Asks for a message ack with this number, once the process has taken the input up to here, or refused it");
/** What is started in a stream may outlive it, but not this. */
const timeout_sec = commandTimeout
  .default(0)
  .describe("Seconds until it and all its children are killed, whether the stream is open or not; 0 is no limit");
const stdinMessage = z.object({ type: z.literal("stdin"), data: base64, ack: ack.optional() });
const closeStdinMessage = z.object({ type: z.literal("close_stdin"), ack: ack.optional() });
const signalMessage = z.object({
  type: z.literal("signal"),
  signal: z.union([z.string(), z.int()]).describe("Name or number; it goes to the whole process group"),
});
/** Ends the stream; the process lives on. */
const stopMessage = z.object({ type: z.literal("stop") });
const pongMessage = z.object({ type: z.literal("pong") });

/** First message of `/exec/stream`. */
export const execStartMessage = z.object({
  type: z.literal("start"),
  ...commandFields,
  timeout_sec,
  stdin: z.boolean().default(false).describe("Messages stdin and close_stdin follow; otherwise it is empty"),
  encoding: outputEncoding.default("utf-8"),
});
export type ExecStartMessage = z.input<typeof execStartMessage>;

/** Later messages of `/exec/stream`, all messages of `/processes/{selector}/stream`. */
export const processClientMessage = z.discriminatedUnion("type", [
  stdinMessage,
  closeStdinMessage,
  signalMessage,
  stopMessage,
  pongMessage,
]);
export type ProcessClientMessage = z.input<typeof processClientMessage>;

/** First message of `/pty`: a new terminal, or one that runs. */
export const ptyFirstMessage = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("start"),
    ...commandFields,
    cmd: commandFields.cmd.default("/bin/bash"),
    timeout_sec,
    cols: size.default(80),
    rows: size.default(24),
  }),
  z.object({
    type: z.literal("connect"),
    tag: z.string().min(1),
    from_seq: z.int().min(0).optional().describe("Replay output after this position; 0 is all that is kept"),
  }),
]);
export type PtyFirstMessage = z.input<typeof ptyFirstMessage>;

/** Later messages of `/pty`. A resize to 0 is ignored. */
export const ptyClientMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("input"), data: base64, ack: ack.optional() }),
  z.object({ type: z.literal("resize"), cols: size, rows: size }),
  z.object({ type: z.literal("kill") }),
  signalMessage,
  stopMessage,
  pongMessage,
]);
export type PtyClientMessage = z.input<typeof ptyClientMessage>;

/** What went wrong. With `fatal` it is the last message; otherwise it is about one of the client's, and the stream goes on. */
const errorMessage = z.object({
  type: z.literal("error"),
  data: z.string().describe("For people"),
  code: z.string().describe("As in the error envelope of the REST API"),
  reason: z.string().optional().describe("As there"),
  fatal: z.literal(true).optional(),
});
export type ErrorMessage = z.infer<typeof errorMessage>;

const exitMessage = z.object({
  type: z.literal("exit"),
  exit_code: z.int().describe("-1 when a signal ended it"),
  signal: z.int().optional(),
  timed_out: z.literal(true).optional().describe("It was killed because its time was over"),
});
const gapMessage = z.object({
  type: z.literal("gap"),
  lost_bytes: z.int().describe("Output that is missing here, since this client was too slow or came too late"),
});
const ackMessage = z.object({
  type: z.literal("ack"),
  ack: z.int().describe("The newest one that is due; those before it are not sent"),
});
const pingMessage = z.object({ type: z.literal("ping") });

/** What `/exec/stream` and `/processes/{selector}/stream` send. `data` is in the encoding that was asked for. */
export const processServerMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), pid: z.int(), tag: z.string().optional() }),
  z.object({ type: z.literal("stdout"), data: z.string(), seq: seq.optional() }),
  z.object({ type: z.literal("stderr"), data: z.string(), seq: seq.optional() }),
  gapMessage,
  ackMessage,
  exitMessage,
  errorMessage,
]);
export type ProcessServerMessage = z.infer<typeof processServerMessage>;

/** What `/pty` sends. */
export const ptyServerMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("started"), tag: z.string(), pid: z.int() }),
  z.object({ type: z.literal("output"), data: base64, seq: seq.optional() }),
  gapMessage,
  ackMessage,
  exitMessage,
  errorMessage,
  pingMessage,
]);
export type PtyServerMessage = z.infer<typeof ptyServerMessage>;

export const FILE_EVENTS = ["create", "write", "remove", "rename", "chmod"] as const;

/** What `/files/watch` sends: `started` once the watch is in place, then what happens. */
export const fileWatchMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("started") }),
  z.object({
    type: z.literal("event"),
    event: z.enum(FILE_EVENTS),
    name: z.string().describe("Relative to the watched folder, which itself is `.`"),
    renamed_from: z.string().optional().describe("With `create`: the name it had before in the watched folder"),
  }),
  z.object({ type: z.literal("overflow").describe("Events are missing here: list the folder anew") }),
  errorMessage,
]);
export type FileWatchMessage = z.infer<typeof fileWatchMessage>;

/** What `/ports/watch` sends: all ports at first and at every change. */
export const portWatchMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ports"), ports: z.array(portSchema) }),
  errorMessage,
]);
export type PortWatchMessage = z.infer<typeof portWatchMessage>;

/** All that a client of `/files/watch` and `/ports/watch` has to say. */
export const watchClientMessage = z.discriminatedUnion("type", [stopMessage, pongMessage]);
