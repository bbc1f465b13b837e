/** What the API costs: a list of capsules, beside the bare HTTP framework that answers with the same bytes and has no database. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { load } from "./api/load.ts";
import { row, say } from "./lib/report.ts";
import { repeat, summarize } from "./lib/stats.ts";

const CAPSULES = 50;
const CONNECTIONS = 20;
const WARM_UP_S = 3;

export async function apiBench(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string", default: "5" }, seconds: { type: "string", default: "4" } },
  });
  const [wrenn, bare] = [start("wrenn-server.ts", [String(CAPSULES)]), start("bare-server.ts", [])];
  try {
    const { url, key } = await message<{ url: string; key: string }>(wrenn);
    const headers = `X-API-Key: ${key}\r\n`;
    bare.send(await (await fetch(url, { headers: { "x-api-key": key } })).text());
    const bareUrl = `${await message<string>(bare)}/v1/capsules`;
    say(`GET /v1/capsules, ${CAPSULES} capsules, ${CONNECTIONS} connections`);
    const turn = async (seconds: number) => ({
      bare: await load(bareUrl, "", CONNECTIONS, seconds),
      wrenn: await load(url, headers, CONNECTIONS, seconds),
    });
    await turn(WARM_UP_S);
    const rounds = await repeat(Number(values.rounds), () => turn(Number(values.seconds)));
    const figures = (name: "bare" | "wrenn") => {
      const times = rounds.flatMap((one) => one[name].times);
      return {
        per_second: summarize(rounds.map((one) => one[name].rate)).p50,
        ms: summarize(times),
        p99_ms: p99(times),
      };
    };
    const [ours, theirs] = [figures("wrenn"), figures("bare")];
    const share = ours.per_second / theirs.per_second;
    for (const [name, figure] of [
      ["    bare framework", theirs],
      ["    Wrenn", ours],
    ] as const) {
      say(
        `${row(name, figure.ms, "ms")}   p99 ${figure.p99_ms.toFixed(1)} ms   ${figure.per_second.toFixed(0)} a second`,
      );
    }
    say(`    ${(share * 100).toFixed(0)} % of the bare framework's requests a second`);
    return { capsules: CAPSULES, connections: CONNECTIONS, bare: theirs, wrenn: ours, share };
  } finally {
    for (const child of [wrenn, bare]) child.disconnect();
    await Promise.all([wrenn, bare].map((child) => once(child, "exit")));
  }
}

function start(file: string, args: readonly string[]): ChildProcess {
  return fork(new URL(`./api/${file}`, import.meta.url), args, { execArgv: ["--max-semi-space-size=4"] });
}

async function message<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, "exit").then(() => Promise.reject(new Error("a server ended")));
  const [said] = (await Promise.race([once(child, "message"), ended])) as [T];
  return said;
}

function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}
