/** `CreateWatcher`, `GetWatcherEvents`, `RemoveWatcher`: watches whose events wait until they are asked for. */
import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import type {
  CreateWatcherRequest,
  CreateWatcherResponseSchema,
  GetWatcherEventsRequest,
  GetWatcherEventsResponseSchema,
  RemoveWatcherRequest,
} from "@wrenn/protocol/gen/filesystem_pb";
import { EventQueue } from "../watch/event-queue.ts";
import type { FilesystemContext } from "./context.ts";
import { type OpenedWatch, openWatch } from "./open-watch.ts";

const MAX_WATCHERS = 64;
/** Nobody has asked for its events for so long that nobody will. */
const FORGOTTEN_MS = 60 * 60_000;

interface Watcher {
  readonly opened: OpenedWatch;
  readonly queue: EventQueue;
  readonly expiry: NodeJS.Timeout;
}

export class Watchers {
  readonly #context: FilesystemContext;
  readonly #watchers = new Map<string, Watcher>();
  #opening = 0;

  constructor(context: FilesystemContext) {
    this.#context = context;
  }

  /** @throws as `openWatch`; too_large when there are too many watchers */
  async create(
    request: CreateWatcherRequest,
    headers: IncomingHttpHeaders,
  ): Promise<MessageInitShape<typeof CreateWatcherResponseSchema>> {
    if (this.#watchers.size + this.#opening >= MAX_WATCHERS) {
      throw new WrennError("too_large", `there are ${MAX_WATCHERS} watchers already: remove those that are not needed`);
    }
    const queue = new EventQueue();
    this.#opening += 1;
    try {
      const opened = await openWatch(this.#context, request, headers, {
        onChange: (event) => queue.push(event),
        onOverflow: () => queue.pushOverflow(),
        // What it has noticed until then can still be asked for.
        onEnd: () => {},
      });
      const watcherId = randomBytes(8).toString("hex");
      const expiry = setTimeout(() => this.#remove(watcherId), FORGOTTEN_MS).unref();
      this.#watchers.set(watcherId, { opened, queue, expiry });
      return { watcherId };
    } finally {
      this.#opening -= 1;
    }
  }

  /** @throws not_found */
  takeEvents({ watcherId }: GetWatcherEventsRequest): MessageInitShape<typeof GetWatcherEventsResponseSchema> {
    const watcher = this.#watchers.get(watcherId);
    if (watcher === undefined) throw new WrennError("not_found", `there is no watcher "${watcherId}" (any more)`);
    watcher.expiry.refresh();
    const items = watcher.queue.take();
    return {
      events: items.filter((item) => item !== "overflow").map((event) => watcher.opened.describeEvent(event)),
      overflow: items.includes("overflow"),
    };
  }

  /** Without effect when there is no such watcher. */
  remove({ watcherId }: RemoveWatcherRequest): Record<string, never> {
    this.#remove(watcherId);
    return {};
  }

  #remove(id: string): void {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return;
    this.#watchers.delete(id);
    clearTimeout(watcher.expiry);
    watcher.opened.watch.close();
  }
}
