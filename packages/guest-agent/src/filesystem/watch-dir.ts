/** `WatchDir`: streams what changes in a folder, until the client goes away or the folder does. */
import type { IncomingHttpHeaders } from "node:http";
import type { WatchDirRequest, WatchDirResponseSchema } from "@wrenn/protocol/gen/filesystem_pb";
import type { ServerStream } from "../connect/server-stream.ts";
import { EventQueue, type QueueItem } from "../watch/event-queue.ts";
import type { WatchListener } from "../watch/watch-event.ts";
import type { FilesystemContext } from "./context.ts";
import { type OpenedWatch, openWatch } from "./open-watch.ts";

type Stream = ServerStream<typeof WatchDirResponseSchema>;

/** Milliseconds of silence after which a stream shows that it still works. */
const KEEPALIVE_MS = 30_000;

export async function watchDir(
  context: FilesystemContext,
  request: WatchDirRequest,
  stream: Stream,
  headers: IncomingHttpHeaders,
): Promise<void> {
  const feed = new Feed(stream);
  const opened = await openWatch(context, request, headers, feed);
  stream.onClose(() => {
    feed.close();
    opened.watch.close();
  });
  feed.begin(opened);
}

/** Passes changes on as fast as the client reads. */
class Feed implements WatchListener {
  readonly #stream: Stream;
  readonly #queue = new EventQueue();
  #waiting: QueueItem[] = [];
  #opened: OpenedWatch | undefined;
  #keepalive: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #isBlocked = false;
  #isOver = false;
  #isClosed = false;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  begin(opened: OpenedWatch): void {
    if (this.#isClosed) return;
    this.#opened = opened;
    this.#stream.send({ event: { case: "start", value: {} } });
    this.#stream.onDrain(() => {
      this.#isBlocked = false;
      this.#pass();
    });
    const keepalive = (): void => void this.#stream.send({ event: { case: "keepalive", value: {} } });
    this.#keepalive = setInterval(keepalive, KEEPALIVE_MS);
    this.#pass();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#keepalive);
  }

  onChange(event: Parameters<WatchListener["onChange"]>[0]): void {
    this.#queue.push(event);
    this.#schedule();
  }

  onOverflow(): void {
    this.#queue.pushOverflow();
    this.#schedule();
  }

  onEnd(): void {
    this.#isOver = true;
    this.#schedule();
  }

  /** After what the kernel has told at once, so that repetitions of it are seen. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#pass();
    });
  }

  #pass(): void {
    if (this.#opened === undefined || this.#isClosed) return;
    while (!this.#isBlocked) {
      const item = this.#next();
      if (item === undefined) break;
      this.#keepalive?.refresh();
      this.#isBlocked = !this.#send(this.#opened, item);
    }
    if (this.#isOver && !this.#isBlocked) this.#stream.end();
  }

  #next(): QueueItem | undefined {
    if (this.#waiting.length === 0) this.#waiting = this.#queue.take().toReversed();
    return this.#waiting.pop();
  }

  #send(opened: OpenedWatch, item: QueueItem): boolean {
    if (item === "overflow") return this.#stream.send({ event: { case: "overflow", value: {} } });
    return this.#stream.send({ event: { case: "filesystem", value: opened.describeEvent(item) } });
  }
}
