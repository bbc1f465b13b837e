/** Many short processes: none is lost, none is left, and their output is always there. */
import type { ApiClient } from "@wrenn/cli/api/client";
import { exec } from "@wrenn/host-agent/guest/exec";
import type { ExecStartMessage, ProcessServerMessage } from "@wrenn/protocol/rest/streams";
import type { Platform } from "@wrenn/testkit/platform";
import { say } from "../lib/report.ts";
import { guestOf, recordOf } from "./machine.ts";
import { growthDuring } from "./peak.ts";

const AT_ONCE = 8;

export async function benchProcesses(platform: Platform, api: ApiClient, count: number): Promise<object> {
  say(`\n${count} short processes, ${AT_ONCE} at once`);
  const { id } = await api.create({});
  const guest = guestOf(await recordOf(platform, id));
  const run = async (n: number) => {
    const { exitCode } = await exec(guest, { cmd: "/bin/sh", args: ["-c", `exit ${n % 100}`], timeoutMs: 60_000 });
    return exitCode === n % 100;
  };
  // Until then the agent's heap has the size that it keeps.
  await all(Math.min(count, 500), run);
  let right = 0;
  let seconds = 0;
  const growth = await growthDuring(platform, api, id, async () => {
    const began = performance.now();
    right = await all(count, run);
    seconds = (performance.now() - began) / 1000;
  });
  const listed = (await guest.process.list({})).processes.length;
  guest.close();
  const { stdout: zombies } = await api.exec(id, { cmd: "/bin/sh", args: ["-c", "ps -e -o stat= | grep -c ^Z; true"] });
  await api.destroy(id);
  const agent = growth["guest agent"];
  say(
    `    ${right} ended as they should, ${listed} are listed afterwards, ${zombies.trim()} zombies, ${(count / seconds).toFixed(0)} a second`,
  );
  say(`    guest agent: ${agent?.before.toFixed(1)} MB before, ${agent?.peak.toFixed(1)} MB at most`);
  if (right !== count || listed !== 0 || zombies.trim() !== "0") throw new Error("processes were lost or left");
  return { count, right, listed, per_second: count / seconds, agent_mb: agent };
}

export async function benchEchoes(api: ApiClient, count: number): Promise<object> {
  say(`\n${count} times \`echo x\` through the stream API`);
  const { id } = await api.create({});
  const right = await all(count, async () => {
    using stream = await api.socket<ProcessServerMessage, ExecStartMessage>(id, ["exec", "stream"]);
    await stream.send({ type: "start", cmd: "echo", args: ["x"] });
    let output = "";
    for await (const message of stream) if (message.type === "stdout") output += message.data;
    return output === "x\n";
  });
  await api.destroy(id);
  say(`    output was there ${right} times`);
  if (right !== count) throw new Error("output was missing");
  return { count, right };
}

/** How many of the runs were right. */
async function all(count: number, run: (n: number) => Promise<boolean>): Promise<number> {
  let [next, right] = [0, 0];
  const worker = async () => {
    while (next < count) if (await run(next++)) right += 1;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return right;
}
