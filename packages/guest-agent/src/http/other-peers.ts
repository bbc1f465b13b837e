/** Bounds what programs of the capsule can take of the agent by connecting to it: they must not shut the host out. */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { isFrom } from "./peer.ts";

export interface OtherPeersLimits {
  /** connections at the same time; the newest beyond it is closed at once */
  readonly most: number;
  /** until the headers of a connection's first request have come */
  readonly headersMs: number;
}

const LIMITS: OtherPeersLimits = { most: 64, headersMs: 10_000 };

/** Limits the connections of all peers but the host. A timer runs only while one of them has not asked yet. */
export function limitOtherPeers(
  server: Server,
  hostAddress: string,
  { most, headersMs }: OtherPeersLimits = LIMITS,
): void {
  const silent = new Map<Socket, NodeJS.Timeout>();
  let open = 0;
  server.on("connection", (socket) => {
    if (isFrom(socket.remoteAddress, hostAddress)) return;
    if (open >= most) {
      socket.destroy();
      return;
    }
    open += 1;
    silent.set(
      socket,
      setTimeout(() => socket.destroy(), headersMs),
    );
    socket.once("close", () => {
      open -= 1;
      hear(socket);
    });
  });
  server.on("request", ({ socket }) => hear(socket));

  function hear(socket: Socket): void {
    clearTimeout(silent.get(socket));
    silent.delete(socket);
  }
}
