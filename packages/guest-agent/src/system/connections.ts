/** The TCP sockets of the machine; ends the connections whose other end was left behind by a restore. */
import { closeSync, readSync, writeSync } from "node:fs";
import { forAll } from "./for-all.ts";
import { errnoName, netlinkSocket } from "./libc.ts";
import {
  AF_INET,
  AF_INET6,
  type Connection,
  destroyRequest,
  isWithinMachine,
  listRequest,
  parseAnswer,
  type SocketStates,
} from "./sock-diag.ts";

const NETLINK_SOCK_DIAG = 4;
/** The most the kernel puts into one answer. */
const ANSWER_BYTES = 32 * 1024;
/** It ended by itself meanwhile. */
const GONE = new Set(["ENOENT", "ESTALE"]);

/**
 * Resets every connection to another machine, except those to `exceptPort` of this one. Programs that wait for one see
 * ECONNABORTED.
 * @throws Error when the kernel has no sock_diag for TCP, or for the first connection that cannot be ended, after all others
 */
export function resetConnections(exceptPort: number): void {
  withNetlink((netlink) => {
    const left = listBothFamilies(netlink, "connected").filter(
      (connection) => connection.localPort !== exceptPort && !isWithinMachine(connection),
    );
    forAll(left, (connection) => destroy(netlink, connection));
  });
}

/** The sockets that wait for connections, also several of one port. @throws Error when the kernel has no sock_diag for TCP */
export function listeningSockets(): Connection[] {
  return withNetlink((netlink) => listBothFamilies(netlink, "listening"));
}

function withNetlink<T>(body: (netlink: number) => T): T {
  const netlink = netlinkSocket(NETLINK_SOCK_DIAG);
  try {
    return body(netlink);
  } finally {
    closeSync(netlink);
  }
}

function listBothFamilies(netlink: number, states: SocketStates): Connection[] {
  return [AF_INET, AF_INET6].flatMap((family) => list(netlink, family, states));
}

function list(netlink: number, family: number, states: SocketStates): Connection[] {
  writeSync(netlink, listRequest(family, states));
  const found: Connection[] = [];
  for (;;) {
    const { connections, done, error } = receive(netlink);
    if (error !== 0) throw new Error(`listing TCP connections failed: ${errnoName(error)}`);
    found.push(...connections);
    if (done) return found;
  }
}

function destroy(netlink: number, connection: Connection): void {
  writeSync(netlink, destroyRequest(connection));
  const reason = errnoName(receive(netlink).error);
  if (reason !== "errno 0" && !GONE.has(reason)) throw new Error(`ending a TCP connection failed: ${reason}`);
}

function receive(netlink: number): ReturnType<typeof parseAnswer> {
  const bytes = Buffer.allocUnsafe(ANSWER_BYTES);
  return parseAnswer(bytes.subarray(0, readSync(netlink, bytes)));
}
