import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type AgentFixture, startAgent } from "../testing/agent-fixture.ts";
import { begin, collect, run, shell } from "../testing/run.ts";

let fixture: AgentFixture;
beforeEach(async () => {
  fixture = await startAgent();
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** Children of this process, which is the agent, that nobody has waited for. */
function zombies(): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state === "Z" && Number(parent) === process.pid;
    } catch {
      return false;
    }
  }).length;
}

/** Open descriptors that are pipes or terminals. */
function descriptors(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return /^(?:pipe:|\/dev\/ptmx)/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

it("three hundred short commands, each with its output and its end, leave nothing behind", {
  timeout: 60_000,
}, async () => {
  const client = fixture.client();
  const before = descriptors();
  let next = 0;
  const runSome = async () => {
    while (next < 300) {
      const number = next++;
      const request = shell(`echo ${number}`);
      const { stdout, pty, end } = await run(client, number % 4 === 0 ? { ...request, pty: {} } : request);
      expect(`${stdout}${pty}`.trim()).toBe(String(number));
      expect(end.exitCode).toBe(0);
    }
  };
  await Promise.all(Array.from({ length: 16 }, runSome));
  expect((await client.list({})).processes).toEqual([]);
  expect(zombies()).toBe(0);
  await vi.waitUntil(() => descriptors() === before);
});

it("twenty that write without pause all go on, and each has its own output", { timeout: 60_000 }, async () => {
  const client = fixture.client();
  const lines = 100_000;
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) => run(client, shell(`yes ${index} | head -n ${lines}`))),
  );
  results.forEach(({ stdout, lostBytes }, index) => {
    expect(lostBytes).toBe(0);
    expect(stdout.toString() === `${index}\n`.repeat(lines)).toBe(true);
  });
});

it("one that nobody reads does not hold the others up", { timeout: 60_000 }, async () => {
  const client = fixture.client();
  const stuck = await begin(client.start(shell("exec yes")));
  const { stdout } = await run(client, shell("seq 1 300000"));
  expect(stdout.toString().endsWith("\n300000\n")).toBe(true);
  await client.sendSignal({ process: { selector: { case: "pid", value: stuck.pid } }, signal: 9 });
  expect((await collect(stuck.rest)).lostBytes).toBe(0);
});
