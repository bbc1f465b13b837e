/**
 * Lets the outside reach a port that a program listens on for this machine only: the same port on the machine's own address,
 * forwarded byte by byte.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { isFrom } from "../http/peer.ts";

export interface ForwarderOptions {
  readonly port: number;
  /** where it listens */
  readonly address: string;
  /** where the program listens */
  readonly target: string;
  /** the only one who may connect */
  readonly hostAddress: string;
}

export class Forwarder {
  readonly target: string;
  /** False when the port cannot be had: somebody listens there by now. */
  readonly listening: Promise<boolean>;
  readonly #server: Server;

  constructor({ port, address, target, hostAddress }: ForwarderOptions) {
    this.target = target;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (outside) => {
      if (isFrom(outside.remoteAddress, hostAddress)) join(outside, openInside(target, port));
      else outside.resetAndDestroy();
    });
    this.listening = new Promise((resolve) => {
      this.#server.once("error", () => resolve(false));
      this.#server.listen(port, address, () => resolve(true));
    });
  }

  /** Gives the port back at once; connections that are open live on. */
  close(): void {
    this.#server.close();
  }
}

function openInside(host: string, port: number): Socket {
  return connect({ host, port, allowHalfOpen: true, noDelay: true });
}

/** Each sends to the other what it receives, no faster than that takes it; either may stop sending and go on receiving. */
function join(left: Socket, right: Socket): void {
  left.pipe(right);
  right.pipe(left);
  endTogether(left, right);
  endTogether(right, left);
}

/** A connection that breaks breaks the other too; one that is over leaves it the time to send what it still has. */
function endTogether(one: Socket, other: Socket): void {
  one.on("error", () => {});
  one.once("close", (broken) => {
    if (broken) other.resetAndDestroy();
    else other.destroySoon();
  });
}
