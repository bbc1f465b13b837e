import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ProcessEventSchema } from "@wrenn/protocol/gen/process_pb";
import { processServerMessage, ptyServerMessage } from "@wrenn/protocol/rest/streams";
import { describe, expect, it } from "vitest";
import type { ProcessOutput } from "../../capsules/process-stream.ts";
import { ProcessMessages, ptyMessages } from "./output.ts";

type Init = NonNullable<MessageInitShape<typeof ProcessEventSchema>["event"]>;

const event = (init: Init) => create(ProcessEventSchema, { event: init }).event as ProcessOutput;
const data = (name: "stdout" | "stderr" | "pty", value: Uint8Array, seq?: number) =>
  event({
    case: "data",
    value: { output: { case: name, value }, ...(seq === undefined ? {} : { seq: BigInt(seq) }) },
  });
const end = (exitCode: number, signal?: number) =>
  event({ case: "end", value: { exitCode, exited: true, ...(signal === undefined ? {} : { signal }) } });
const gap = (lostBytes: number) => event({ case: "gap", value: { lostBytes: BigInt(lostBytes) } });

function messagesOf(encoding: "utf-8" | "base64", ...events: ProcessOutput[]) {
  const messages = new ProcessMessages(encoding);
  const all = events.flatMap((one) => [...messages.of(one)]);
  for (const message of all) expect(processServerMessage.parse(message)).toEqual(message);
  return all;
}

const euro = Buffer.from("€");

describe("the messages of a process", () => {
  it("have whole characters, each output its own, and positions from which to go on", () => {
    const messages = messagesOf(
      "utf-8",
      data("stdout", Buffer.concat([Buffer.from("a"), euro.subarray(0, 2)]), 3),
      data("stderr", Buffer.from("x"), 4),
      data("stdout", euro.subarray(2), 5),
    );
    expect(messages).toEqual([
      { type: "stdout", data: "a", seq: 1 },
      { type: "stderr", data: "x", seq: 1 },
      { type: "stdout", data: "€", seq: 5 },
    ]);
  });

  it("have positions that never skip a byte of either output that was not told", () => {
    const messages = messagesOf(
      "utf-8",
      data("stdout", euro.subarray(0, 1), 1),
      data("stderr", Buffer.concat([Buffer.from("x"), euro.subarray(0, 1)]), 3),
      data("stdout", euro.subarray(1, 2), 4),
      data("stderr", Buffer.concat([euro.subarray(1), Buffer.from("y")]), 7),
      data("stdout", Buffer.concat([euro.subarray(2), euro.subarray(0, 2)]), 10),
      data("stderr", Buffer.from("z"), 11),
      gap(4),
      data("stderr", Buffer.from("!"), 16),
    );
    expect(messages).toEqual([
      { type: "stderr", data: "x", seq: 0 },
      { type: "stderr", data: "€y", seq: 0 },
      { type: "stdout", data: "€", seq: 8 },
      { type: "stderr", data: "z", seq: 8 },
      { type: "stdout", data: "\ufffd" },
      { type: "gap", lost_bytes: 4 },
      { type: "stderr", data: "!", seq: 16 },
    ]);
  });

  it("have no message without text", () => {
    expect(messagesOf("utf-8", data("stdout", euro.subarray(0, 1), 1), data("stderr", new Uint8Array(), 1))).toEqual(
      [],
    );
  });

  it("show half a character before a gap and at the end as one that is lost", () => {
    const half = euro.subarray(0, 2);
    expect(messagesOf("utf-8", data("stdout", half, 2), gap(7), data("stderr", half, 11), end(0))).toEqual([
      { type: "stdout", data: "\ufffd" },
      { type: "gap", lost_bytes: 7 },
      { type: "stderr", data: "\ufffd" },
      { type: "exit", exit_code: 0 },
    ]);
  });

  it("have the exact bytes when they are asked for", () => {
    expect(messagesOf("base64", data("stdout", Uint8Array.of(0xff, 0), 2), end(-1, 9))).toEqual([
      { type: "stdout", data: "/wA=", seq: 2 },
      { type: "exit", exit_code: -1, signal: 9 },
    ]);
  });

  it("have one output when the process has a terminal", () => {
    expect(messagesOf("utf-8", data("pty", Buffer.from("$ "), 2))).toEqual([{ type: "stdout", data: "$ ", seq: 2 }]);
  });

  it("of an agent that does not count have no position", () => {
    expect(messagesOf("utf-8", data("stdout", Buffer.from("a")))).toEqual([{ type: "stdout", data: "a" }]);
  });
});

describe("the messages of a terminal", () => {
  it("are bytes, gaps and the end", () => {
    const all = [data("pty", Uint8Array.of(0x1b, 0xff), 9), gap(3), end(0)].flatMap((one) => [...ptyMessages(one)]);
    for (const message of all) expect(ptyServerMessage.parse(message)).toEqual(message);
    expect(all).toEqual([
      { type: "output", data: "G/8=", seq: 9 },
      { type: "gap", lost_bytes: 3 },
      { type: "exit", exit_code: 0 },
    ]);
  });
});
