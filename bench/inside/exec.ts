/** What the layers above the guest agent add to a command: the same one, asked of the API and of the agent, in turns. */
import type { ApiClient } from "@wrenn/cli/api/client";
import { exec } from "@wrenn/host-agent/guest/exec";
import type { Platform } from "@wrenn/testkit/platform";
import { row, say } from "../lib/report.ts";
import { repeat, summarize } from "../lib/stats.ts";
import { guestOf, recordOf } from "./machine.ts";

const WARM_UP = 10;
const COMMAND = { cmd: "/bin/true", args: [], timeoutMs: 60_000 };

export async function benchExec(platform: Platform, api: ApiClient, runs: number): Promise<object> {
  say("\n`true`, from the question to the answer");
  const { id } = await api.create({});
  const guest = guestOf(await recordOf(platform, id));
  const timed = async (work: () => Promise<unknown>) => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
  const turn = async () => ({
    agent: await timed(() => exec(guest, COMMAND)),
    api: await timed(() => api.exec(id, { cmd: COMMAND.cmd })),
  });
  await repeat(WARM_UP, turn);
  const turns = await repeat(runs, turn);
  guest.close();
  await api.destroy(id);
  const [agent, rest] = [summarize(turns.map((times) => times.agent)), summarize(turns.map((times) => times.api))];
  const overhead = rest.p50 - agent.p50;
  say(row("    guest agent alone", agent, "ms"));
  say(row("    REST API", rest, "ms"));
  say(`    all layers above the agent: ${overhead.toFixed(1)} ms (difference of the medians)`);
  return { agent_ms: agent, api_ms: rest, overhead_ms: overhead };
}
