/** `wrenn start`, which `npm start` runs: from nothing to a capsule that ran a command, then the servers stay up. */
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { type Instance, localApiClient, localApiKey, localInstance, requireRoot } from "../instance.ts";
import { duration, out, style } from "../output/print.ts";
import { checkSettings, requireExternalDatabase } from "../settings.ts";
import { warnOfUnknown } from "./config.ts";
import { ensureSetup } from "./setup.ts";
import { parsePort, startServers, stopSignal } from "./up.ts";

const SCRIPT =
  'echo "hello from $(hostname): $(. /etc/os-release; echo "$PRETTY_NAME"), kernel $(uname -r), $(nproc) CPU, $(free -m | awk "/Mem/{print \\$2}") MiB"';

export function startCommand(program: Command): void {
  program
    .command("start")
    .description("Set up, start the servers, run a command in a first capsule, and stay in the foreground")
    .option("-p, --port <port>", "TCP port of the API on 127.0.0.1", parsePort)
    .option("--once", "stop the servers after the first capsule")
    .action(async (options: { port?: number; once?: boolean }) => {
      checkSettings(process.env, options.port);
      const instance = localInstance();
      requireRoot("start");
      warnOfUnknown(process.env);
      await requireExternalDatabase(process.env);
      await ensureSetup(instance, false);
      const stopped = stopSignal();
      await using supervisor = await startServers(instance, options.port);
      const { apiUrl, vmm, vmmVersion, accelerator } = supervisor.state;
      out(`\nWrenn is up at ${style(apiUrl, "bold", process.stdout)} (${vmm} ${vmmVersion}, ${accelerator})\n`);
      await firstCapsule(localApiClient(instance));
      if (options.once !== true) {
        suggest(instance, apiUrl);
        out(style("\nCtrl-C stops the servers.", "dim", process.stdout));
        await stopped;
      }
    });
}

async function firstCapsule(api: ApiClient): Promise<void> {
  const began = performance.now();
  const capsule = await api.create({});
  const created = performance.now();
  try {
    const result = await api.exec(capsule.id, { cmd: "/bin/sh", args: ["-c", SCRIPT] });
    const ran = performance.now();
    out(`$ ${style(`wrenn exec ${capsule.id} -- sh -c '…'`, "dim", process.stdout)}`);
    out(result.stdout.trimEnd());
    const { total: _total, ...phases } = capsule.timings ?? {};
    const rows = [
      ...Object.entries(phases),
      ["first command", ran - created] as const,
      ["create → output", ran - began] as const,
    ];
    out("");
    for (const [name, ms] of rows) out(`  ${name.replaceAll("_", " ").padEnd(18)} ${duration(ms).padStart(8)}`);
  } finally {
    await api.destroy(capsule.id);
  }
}

function suggest({ layout }: Instance, apiUrl: string): void {
  const key = localApiKey(layout);
  if (key === undefined) return;
  out(`\nAPI key: ${style(key, "bold", process.stdout)}\n`);
  out("Three things to try from another terminal:");
  out("  id=$(./wrenn create) && ./wrenn exec $id -- python3 -c 'print(6 * 7)' && ./wrenn rm $id");
  out(`  curl -s -X POST ${apiUrl}/v1/capsules -H 'X-API-Key: ${key}' -H 'Content-Type: application/json' -d '{}'`);
  out(`  open ${apiUrl}/docs in a browser`);
}
