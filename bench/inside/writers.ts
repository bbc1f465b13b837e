/** Many processes that write without pause: who reads gets every byte, who does not holds nobody up for long and is told what it lost. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import type { ExecStartMessage, ProcessClientMessage, ProcessServerMessage } from "@wrenn/protocol/rest/streams";
import type { Platform } from "@wrenn/testkit/platform";
import { say } from "../lib/report.ts";
import { describeGrowth, growthDuring } from "./peak.ts";

const MB = 1024 * 1024;
const WRITERS = 20;
const EACH_MB = 4;
/** The one with a slow reader writes for longer than that reader sleeps. */
const WATCHED_MB = 64;
const SLEEP_MS = 30_000;

interface Read {
  /** position of the first byte: a reader that joins late is not told of what was there before all that is kept */
  readonly from: number;
  readonly bytes: number;
  readonly lost: number;
  readonly sha: string;
  readonly seconds: number;
}

type Stream = AsyncIterable<ProcessServerMessage>;

export async function benchWriters(platform: Platform, api: ApiClient): Promise<object> {
  say(`\n${WRITERS} processes that write without pause, one of them with a reader that sleeps ${SLEEP_MS / 1000} s`);
  const { id } = await api.create({});
  let fast: Read[] = [];
  let slow: Read = { from: 0, bytes: 0, lost: 0, sha: "", seconds: 0 };
  const growth = await growthDuring(platform, api, id, async () => {
    const began = performance.now();
    const start = (n: number) => startWriter(api, id, n, sizeOf(n));
    const streams = await Promise.all(Array.from({ length: WRITERS }, (_, n) => start(n)));
    using late = await api.socket<ProcessServerMessage, ProcessClientMessage>(id, ["processes", tagOf(0), "stream"], {
      from_seq: 0,
      encoding: "base64",
    });
    const slowRead = sleep(SLEEP_MS).then(() => read(late, began));
    fast = await Promise.all(streams.map((stream) => read(stream, began)));
    slow = await slowRead;
  });
  await api.destroy(id);
  const whole = fast.filter(({ bytes, sha }, n) => bytes === sizeOf(n) && sha === shaOf(n)).length;
  const total = fast.reduce((sum, { bytes }) => sum + bytes, 0) / MB;
  const seconds = Math.max(...fast.map((one) => one.seconds));
  say(`    ${whole} of ${WRITERS} readers have every byte; ${total.toFixed(0)} MB in ${seconds.toFixed(1)} s`);
  say(
    `    the slow one has ${(slow.bytes / MB).toFixed(1)} MB and was told of ${(slow.lost / MB).toFixed(1)} MB that it lost`,
  );
  say(`    resident MB: ${describeGrowth(growth)}`);
  if (whole !== WRITERS) throw new Error("a reader lost output");
  if (slow.from + slow.bytes + slow.lost !== sizeOf(0))
    throw new Error("the slow reader was not told of all that it lost");
  return { writers: WRITERS, whole, total_mb: total, seconds, slow_lost_mb: slow.lost / MB, memory_mb: growth };
}

async function startWriter(api: ApiClient, id: string, n: number, bytes: number): Promise<Stream> {
  const stream = await api.socket<ProcessServerMessage, ExecStartMessage>(id, ["exec", "stream"]);
  const args = ["-c", `yes ${lineOf(n)} | head -c ${bytes}`];
  await stream.send({ type: "start", cmd: "/bin/sh", args, tag: tagOf(n), encoding: "base64" });
  return stream;
}

async function read(stream: Stream, began: number): Promise<Read> {
  const hash = createHash("sha256");
  let [from, bytes, lost] = [0, 0, 0];
  for await (const message of stream) {
    if (message.type === "gap") lost += message.lost_bytes;
    if (message.type === "error") throw new Error(message.data);
    if (message.type !== "stdout") continue;
    const data = Buffer.from(message.data, "base64");
    if (bytes === 0) from = (message.seq ?? 0) - data.length;
    bytes += data.length;
    hash.update(data);
  }
  return { from, bytes, lost, sha: hash.digest("hex"), seconds: (performance.now() - began) / 1000 };
}

const tagOf = (n: number) => `writer-${n}`;
const lineOf = (n: number) => `${n}-${"x".repeat(60)}`;
const sizeOf = (n: number) => (n === 0 ? WATCHED_MB : EACH_MB) * MB;

function shaOf(n: number): string {
  const line = `${lineOf(n)}\n`;
  const text = line.repeat(Math.ceil(sizeOf(n) / line.length)).slice(0, sizeOf(n));
  return createHash("sha256").update(text).digest("hex");
}
