/** A large file through the REST API, beside a plain Node server in the same capsule, reached over the same TAP. */
import { request } from "node:http";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ApiClient } from "@wrenn/cli/api/client";
import type { Platform } from "@wrenn/testkit/platform";
import { say } from "../lib/report.ts";
import { repeat, summarize } from "../lib/stats.ts";
import { addressOf, recordOf } from "./machine.ts";
import { describeGrowth, growthDuring } from "./peak.ts";

const MB = 1024 * 1024;
const PORT = 8000;
const [FILE, WRITTEN] = ["/root/large", "/root/written"];

const PLAIN_SERVER = `
const { createServer } = require("node:http");
const { createReadStream, createWriteStream } = require("node:fs");
const { pipeline } = require("node:stream/promises");
createServer(async (request, response) => {
  if (request.method === "GET") await pipeline(createReadStream("${FILE}"), response);
  else {
    await pipeline(request, createWriteStream("${WRITTEN}"));
    response.end();
  }
}).listen(${PORT});
`;

export async function benchTransfer(
  platform: Platform,
  api: ApiClient,
  sizeMb: number,
  rounds: number,
): Promise<object> {
  say(`\n${sizeMb} MiB through the API and through a plain Node server in the capsule`);
  const { id } = await api.create({ memory_mb: 2048 });
  const sh = (script: string) => api.exec(id, { cmd: "/bin/sh", args: ["-c", script], timeout_sec: 600 });
  await sh(`head -c ${sizeMb}M /dev/urandom > ${FILE}`);
  await api.start(id, { cmd: "/run/wrenn-agent/bin/node", args: ["-e", PLAIN_SERVER], tag: "plain" });
  await sh(`until curl -s -o /dev/null -X PUT -d x http://127.0.0.1:${PORT}; do sleep 0.1; done`);
  const host = addressOf(await recordOf(platform, id));
  const plain = (method: "GET" | "PUT", body: Readable) => plainTransfer(host, method, body);
  const transfers = {
    down: async () => drain((await api.download(id, FILE)).content),
    down_plain: () => plain("GET", Readable.from([])),
    up: () => api.upload(id, WRITTEN, bytes(sizeMb), sizeMb * MB),
    up_plain: () => plain("PUT", bytes(sizeMb)),
  };
  const seconds = { down: [], down_plain: [], up: [], up_plain: [] } as Record<keyof typeof transfers, number[]>;
  const growth = await growthDuring(platform, api, id, async () => {
    await repeat(rounds, async () => {
      for (const [name, transfer] of Object.entries(transfers)) {
        const began = performance.now();
        await transfer();
        const took = (performance.now() - began) / 1000;
        seconds[name as keyof typeof transfers].push(took);
        say(`    ${name.padEnd(10)} ${took.toFixed(1)} s`);
        await sh(`rm -f ${WRITTEN}; sync`);
      }
    });
  });
  await api.destroy(id);
  const rate = (name: keyof typeof transfers) => sizeMb / summarize(seconds[name]).p50;
  const share = { down: rate("down") / rate("down_plain"), up: rate("up") / rate("up_plain") };
  for (const way of ["down", "up"] as const) {
    const plainRate = rate(`${way}_plain`);
    say(
      `    ${way.padEnd(5)} ${rate(way).toFixed(0)} MB/s, plain server ${plainRate.toFixed(0)} MB/s: ${(share[way] * 100).toFixed(0)} %`,
    );
  }
  say(`    resident MB: ${describeGrowth(growth)}`);
  return { size_mb: sizeMb, seconds, share_of_plain: share, memory_mb: growth };
}

async function drain(stream: Readable): Promise<void> {
  await pipeline(stream, new Writable({ write: (_chunk, _encoding, done) => done() }));
}

function bytes(sizeMb: number): Readable {
  const piece = Buffer.alloc(MB, "some bytes that do not matter ");
  return Readable.from(
    (function* () {
      for (let n = 0; n < sizeMb; n++) yield piece;
    })(),
    { objectMode: false, highWaterMark: MB },
  );
}

function plainTransfer(host: string, method: "GET" | "PUT", body: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ host, port: PORT, method }, (answer) => void drain(answer).then(resolve, reject));
    pipeline(body, call).catch(reject);
  });
}
