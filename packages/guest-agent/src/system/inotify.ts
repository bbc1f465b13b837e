/**
 * The kernel's notices of changes in folders. One descriptor serves all watches. It is not read by a thread that waits: the
 * kernel sends SIGIO when there is something to read.
 */
import { closeSync } from "node:fs";
import koffi from "koffi";
import { IN, type InotifyEvent, parseEvents } from "./inotify-events.ts";
import { errnoName, libc } from "./libc.ts";

const callInit = libc.func("int inotify_init1(int flags)");
const callAdd = libc.func("int inotify_add_watch(int fd, const void *path, uint32_t mask)");
const callRead = libc.func("long read(int fd, void *buffer, size_t size)");
const callRemove = libc.func("int inotify_rm_watch(int fd, int wd)");
const callFcntl = libc.func("int fcntl(int fd, int command, long argument)");

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;
const F_SETFL = 4;
const F_SETOWN = 8;
/** At least one event with the longest name fits; more than what a busy folder has in a moment. */
const READ_BYTES = 64 * 1024;
/** Reads in one turn: by then everything that the kernel's queue held at its beginning has been read (16384 events). */
const READS_PER_TURN = 72;

export interface InotifyListener {
  onEvent(event: InotifyEvent): void;
  /** the kernel's queue was full: events were lost */
  onOverflow(): void;
}

export class Inotify {
  #descriptor = -1;
  #buffer: Buffer | undefined;
  #isScheduled = false;
  readonly #listeners = new Map<number, Set<InotifyListener>>();

  /**
   * Watches what is at the path, as the calling thread's user, after an `open`. All watches have to ask for the same events: a
   * folder that is watched twice has one number.
   * @throws an error with the `code` of the operating system; ENOSPC when there are too many watches
   */
  add(path: Buffer, mask: number, listener: InotifyListener): number {
    const watch = callAdd(this.#descriptor, Buffer.concat([path, Buffer.alloc(1)]), mask);
    if (watch < 0) {
      const code = errnoName(koffi.errno());
      this.#closeIfUnused();
      throw Object.assign(new Error(`inotify_add_watch failed: ${code}`), { code });
    }
    const listeners = this.#listeners.get(watch) ?? new Set();
    this.#listeners.set(watch, listeners.add(listener));
    return watch;
  }

  /** Without effect when the kernel has removed the watch already. */
  remove(watch: number, listener: InotifyListener): void {
    const listeners = this.#listeners.get(watch);
    listeners?.delete(listener);
    if (listeners?.size === 0) {
      this.#listeners.delete(watch);
      callRemove(this.#descriptor, watch);
    }
    this.#closeIfUnused();
  }

  /** Hands out what the kernel has noticed until now. */
  drain(): void {
    for (let reads = 0; reads < READS_PER_TURN; reads += 1) {
      const bytes = this.#read();
      if (bytes === undefined) return;
      for (const event of parseEvents(bytes)) this.#dispatch(event);
    }
    // Nobody else would be heard while a program makes changes as fast as it can.
    this.#drainSoon();
  }

  /** One reading for all signals that came at once. */
  readonly #drainSoon = (): void => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.drain();
    });
  };

  /** To be called as root: the kernel sends no signals to root for others. Without effect while there are watches. */
  open(): void {
    if (this.#descriptor !== -1) return;
    const descriptor = callInit(O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) throw new Error(`inotify_init1 failed: ${errnoName(koffi.errno())}`);
    this.#descriptor = descriptor;
    this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    // Without a listener the signal would end the process.
    process.on("SIGIO", this.#drainSoon);
    callFcntl(descriptor, F_SETOWN, process.pid);
    callFcntl(descriptor, F_SETFL, O_NONBLOCK | O_ASYNC);
  }

  #closeIfUnused(): void {
    if (this.#listeners.size > 0 || this.#descriptor === -1) return;
    closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#buffer = undefined;
    process.off("SIGIO", this.#drainSoon);
  }

  /** Undefined when there is nothing (more) to read. */
  #read(): Buffer | undefined {
    if (this.#buffer === undefined) return undefined;
    const length = callRead(this.#descriptor, this.#buffer, this.#buffer.length);
    return length > 0 ? this.#buffer.subarray(0, length) : undefined;
  }

  #dispatch(event: InotifyEvent): void {
    if (event.mask & IN.Q_OVERFLOW) {
      const everybody = new Set([...this.#listeners.values()].flatMap((listeners) => [...listeners]));
      for (const listener of everybody) listener.onOverflow();
      return;
    }
    const listeners = this.#listeners.get(event.watch);
    // The number will not come back: the kernel has removed the watch.
    if (event.mask & IN.IGNORED) this.#listeners.delete(event.watch);
    for (const listener of listeners ?? []) listener.onEvent(event);
  }
}
