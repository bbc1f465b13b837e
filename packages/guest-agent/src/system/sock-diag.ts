/**
 * The kernel's list of TCP sockets and how to end a connection: messages of sock_diag(7). A connection is named by its cookie
 * too, so that nothing else can be hit when it is gone: by its addresses alone the kernel would find a listener next.
 */

export interface Connection {
  readonly family: number;
  readonly localPort: number;
  /** 4 or 16 bytes */
  readonly local: Buffer;
  readonly remote: Buffer;
  /** addresses, ports, interface and cookie as the kernel wrote them */
  readonly id: Buffer;
  /** as in the links of /proc/PID/fd */
  readonly inode: number;
  /** a listener that takes no IPv4 although its address is IPv6's for all */
  readonly v6Only: boolean;
}

export interface Answer {
  readonly connections: Connection[];
  /** nothing follows */
  readonly done: boolean;
  /** an error number, 0 for none */
  readonly error: number;
}

export const AF_INET = 2;
export const AF_INET6 = 10;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP = 0x300;

const IPPROTO_TCP = 6;
const STATES = {
  /** ESTABLISHED, SYN_SENT, FIN_WAIT1, FIN_WAIT2 and CLOSE_WAIT: a program can wait for the other end in them */
  connected: (1 << 1) | (1 << 2) | (1 << 4) | (1 << 5) | (1 << 8),
  listening: 1 << 10,
} as const;

export type SocketStates = keyof typeof STATES;

/** Sizes of nlmsghdr, inet_diag_req_v2 and inet_diag_sockid, and where the last lies in a request and in an answer. */
const HEADER = 16;
const REQUEST = 56;
const ID = 48;
const ID_IN_REQUEST = HEADER + 8;
const ID_IN_ANSWER = HEADER + 4;
/** Where an answer has the inode, and where its attributes begin: inet_diag_msg ends there. */
const INODE = HEADER + 68;
const ATTRIBUTES = HEADER + 72;
const INET_DIAG_SKV6ONLY = 11;

/** Asks for all sockets of a family in these states. */
export function listRequest(family: number, states: SocketStates): Buffer {
  return request(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, family, states);
}

/** Ends a connection: its programs see ECONNABORTED, the other end a reset. */
export function destroyRequest({ family, id }: Connection): Buffer {
  const message = request(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, family, "connected");
  message.set(id, ID_IN_REQUEST);
  return message;
}

function request(type: number, flags: number, family: number, states: SocketStates): Buffer {
  const message = Buffer.alloc(HEADER + REQUEST);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(flags, 6);
  message.writeUInt8(family, HEADER);
  message.writeUInt8(IPPROTO_TCP, HEADER + 1);
  message.writeUInt32LE(STATES[states], HEADER + 4);
  return message;
}

/** Parses what one read of the netlink socket gave. */
export function parseAnswer(bytes: Buffer): Answer {
  const connections: Connection[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    const type = bytes.readUInt16LE(at + 4);
    if (length < HEADER) break;
    if (type === NLMSG_DONE || type === NLMSG_ERROR) {
      // `0 -` because there is no -0 among error numbers.
      return { connections, done: true, error: 0 - bytes.readInt32LE(at + HEADER) };
    }
    if (type === SOCK_DIAG_BY_FAMILY) connections.push(parseConnection(bytes.subarray(at, at + length)));
    at += Math.ceil(length / 4) * 4;
  }
  return { connections, done: false, error: 0 };
}

function parseConnection(message: Buffer): Connection {
  const family = message.readUInt8(HEADER);
  const id = Buffer.from(message.subarray(ID_IN_ANSWER, ID_IN_ANSWER + ID));
  const addressLength = family === AF_INET ? 4 : 16;
  return {
    family,
    localPort: id.readUInt16BE(0),
    local: id.subarray(4, 4 + addressLength),
    remote: id.subarray(20, 20 + addressLength),
    id,
    inode: message.readUInt32LE(INODE),
    v6Only: findAttribute(message, INET_DIAG_SKV6ONLY)?.[0] === 1,
  };
}

function findAttribute(message: Buffer, wanted: number): Buffer | undefined {
  for (let at = ATTRIBUTES; at + 4 <= message.length; ) {
    const length = message.readUInt16LE(at);
    if (length < 4) return undefined;
    if (message.readUInt16LE(at + 2) === wanted) return message.subarray(at + 4, at + length);
    at += Math.ceil(length / 4) * 4;
  }
  return undefined;
}

/** True when both ends are in this machine, so that both are in a snapshot of it. */
export function isWithinMachine({ local, remote }: Connection): boolean {
  return local.equals(remote) || (isLoopback(local) && isLoopback(remote));
}

const IPV4_IN_IPV6 = Buffer.from("00000000000000000000ffff", "hex");
const LOOPBACK6 = Buffer.from("00000000000000000000000000000001", "hex");

function isLoopback(address: Buffer): boolean {
  if (address.length === 4) return address[0] === 127;
  if (address.subarray(0, IPV4_IN_IPV6.length).equals(IPV4_IN_IPV6)) return address[IPV4_IN_IPV6.length] === 127;
  return address.equals(LOOPBACK6);
}
