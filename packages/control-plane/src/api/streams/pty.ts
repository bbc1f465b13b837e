/** WebSocket /v1/capsules/{id}/pty: a terminal, new or one that runs. It outlives the stream. */
import { type ptyFirstMessage as First, ptyClientMessage, ptyFirstMessage } from "@wrenn/protocol/rest/streams";
import type { z } from "zod";
import type { CapsuleDeps } from "../../capsules/deps.ts";
import type { GuestCall } from "../../capsules/guest.ts";
import type { ProcessStream } from "../../capsules/process-stream.ts";
import { connectProcess, newTag, startProcess } from "../../capsules/processes.ts";
import { ptyMessages } from "./output.ts";
import { streamRoute } from "./route.ts";
import { runSession } from "./session.ts";

/** What programs find when the client does not say. */
const TERM = "xterm-256color";

function open(deps: CapsuleDeps, call: GuestCall, first: z.output<typeof First>, tag: string): Promise<ProcessStream> {
  if (first.type === "connect") {
    return connectProcess(deps, call, { selector: { case: "tag", value: tag } }, first.from_seq);
  }
  const { cols, rows, envs, timeout_sec: timeoutSec, ...command } = first;
  // Nothing has no size; such a resize is ignored too.
  const terminal = { cols: cols || 80, rows: rows || 24 };
  return startProcess(deps, call, { ...command, tag, envs: { TERM, ...envs } }, { terminal, timeoutSec });
}

export const ptyStream = streamRoute({
  path: "/pty",
  audit: "pty",
  ping: { type: "ping" },
  serve: async ({ client, context, call, begun }) => {
    const first = await client.first(ptyFirstMessage);
    const tag = first.tag ?? newTag("pty");
    using process = await open(context.capsules, call, first, tag);
    begun();
    await client.send({ type: "started", tag, pid: process.pid });
    await runSession(client, process, { schema: ptyClientMessage, input: "pty", of: ptyMessages });
  },
});
