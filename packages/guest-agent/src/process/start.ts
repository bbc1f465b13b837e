/** `Start`: runs a process and streams its output. The process outlives the stream. */

import { WrennError } from "@wrenn/protocol/errors";
import type { StartRequest, StartResponseSchema } from "@wrenn/protocol/gen/process_pb";
import type { Agent } from "../agent.ts";
import type { ServerStream } from "../connect/server-stream.ts";
import { launch } from "./launch.ts";
import type { ProcessListener } from "./running-process.ts";

/** Milliseconds of silence after which a stream shows that it still works. */
const KEEPALIVE_MS = 30_000;

export function start(
  agent: Pick<Agent, "users" | "settings" | "processes">,
  request: StartRequest,
  stream: ServerStream<typeof StartResponseSchema>,
): void {
  const config = request.process;
  if (config === undefined) throw new WrennError("invalid_request", "the request names no process");
  if (request.pty !== undefined) throw new WrennError("not_implemented", "terminals are not supported");
  const launched = launch(agent, { ...config, stdin: request.stdin ?? true });
  const running = agent.processes.add(launched, config, request.tag);

  const keepalive = setInterval(
    () => stream.send({ event: { event: { case: "keepalive", value: {} } } }),
    KEEPALIVE_MS,
  );
  const listener: ProcessListener = {
    onOutput(output, bytes) {
      keepalive.refresh();
      return stream.send({ event: { event: { case: "data", value: { output: { case: output, value: bytes } } } } });
    },
    onEnd: (end) => stream.finish({ event: { event: { case: "end", value: end } } }),
  };
  stream.send({ event: { event: { case: "start", value: { pid: running.pid } } } });
  const leave = running.listen(listener);
  stream.onDrain(() => running.resume(listener));
  stream.onClose(() => {
    clearInterval(keepalive);
    leave();
  });
}
