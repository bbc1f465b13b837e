/** Sends what a process does as the events of a stream: what `Start` and `Connect` have in common. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProcessEventSchema } from "@wrenn/protocol/gen/process_pb";
import type { OutputChunk } from "./output-log.ts";
import type { RunningProcess } from "./running-process.ts";

/** Milliseconds of silence after which a stream shows that it still works. */
const KEEPALIVE_MS = 30_000;

/** The part of a `ServerStream` that events need. */
export interface EventStream {
  send(message: { event: ProcessEventInit }): boolean;
  finish(message: { event: ProcessEventInit }): void;
  onDrain(callback: () => void): void;
  onClose(callback: () => void): void;
}

type ProcessEventInit = MessageInitShape<typeof ProcessEventSchema>;

/** @param from position after which output begins: 0 is all that is kept, undefined is none of it */
export function follow(process: RunningProcess, stream: EventStream, from?: number): void {
  const keepalive = setInterval(
    () => stream.send({ event: { event: { case: "keepalive", value: {} } } }),
    KEEPALIVE_MS,
  );
  stream.send({ event: { event: { case: "start", value: { pid: process.pid } } } });
  const subscription = process.output.subscribe(
    {
      onOutput(chunk) {
        keepalive.refresh();
        return stream.send({ event: dataEvent(chunk) });
      },
      onGap: (lostBytes) => stream.send({ event: { event: { case: "gap", value: { lostBytes: BigInt(lostBytes) } } } }),
      onEnd() {
        clearInterval(keepalive);
        stream.finish({ event: { event: { case: "end", value: process.end ?? {} } } });
      },
    },
    from,
  );
  stream.onDrain(() => subscription.drained());
  stream.onClose(() => {
    clearInterval(keepalive);
    subscription.leave();
  });
}

function dataEvent({ stream, bytes, end }: OutputChunk): ProcessEventInit {
  return { event: { case: "data", value: { output: { case: stream, value: bytes }, seq: BigInt(end) } } };
}
