/**
 * Connect RPC with a guest that may be hostile: its root can put any program in the agent's place. What an answer can grow
 * to is bounded before it is decoded, and only the host can speak as the host.
 */
import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { UniversalClientFn, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { createNodeHttpClient } from "@connectrpc/connect-node";
import { hasMoreElements } from "@wrenn/protocol/element-count";
import { Filesystem } from "@wrenn/protocol/gen/filesystem_pb";
import { Process } from "@wrenn/protocol/gen/process_pb";
import { ERROR_HEADER } from "@wrenn/protocol/guest-http";
import { hostRefusal, sentTooMuch } from "./guest-errors.ts";
import type { HostAddress } from "./host-address.ts";
import { readBytes } from "./read-body.ts";
import { withinLimit } from "./time-limit.ts";

/** Bytes of one message: the agent sends 32 KiB of output at a time. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Bytes of a list: the agent's longest, of 50 000 files with long paths. */
const MAX_LIST_BYTES = 32 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;

/** The agent lists no more files than this; the rest are arguments and variables of processes, and metadata of files. */
const MAX_ELEMENTS = { own: 50_000, inner: 200_000 };

const LISTS: ReadonlySet<DescMethod> = new Set([Filesystem.method.listDir, Process.method.list]);

/** They are no work for the agent: one that does not answer is wedged. */
const CONTROLS: ReadonlySet<DescMethod> = new Set([
  Process.method.list,
  Process.method.sendSignal,
  Process.method.update,
]);

export function guestTransport(host: HostAddress): Transport {
  const send = refusingAsHost(createNodeHttpClient({ httpVersion: "1.1", nodeOptions: host.options }));
  const connect = (readMaxBytes: number, httpClient: UniversalClientFn): Transport =>
    createTransport({
      baseUrl: host.baseUrl,
      httpClient,
      readMaxBytes,
      writeMaxBytes: 0xffffffff,
      useBinaryFormat: true,
      // A field that nobody knows takes two bytes of a message, and hundreds when it is kept.
      binaryOptions: { readUnknownFields: false },
      interceptors: [],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: 0,
    });
  const streams = connect(MAX_MESSAGE_BYTES, send);
  const unary = (method: DescMethod) =>
    LISTS.has(method)
      ? connect(MAX_LIST_BYTES, boundedLists(send, method.output))
      : connect(MAX_MESSAGE_BYTES, bounded(send));
  return {
    unary: (method, signal, timeoutMs, ...call) => {
      const transport = unary(method);
      if (!CONTROLS.has(method)) return transport.unary(method, signal, timeoutMs, ...call);
      return withinLimit(signal, (within) => transport.unary(method, within, timeoutMs, ...call));
    },
    stream: (...call) => streams.stream(...call),
  };
}

/** The header of the answer itself: a guest can put what Connect takes for one into trailers and into the end of a stream. */
function refusingAsHost(send: UniversalClientFn): UniversalClientFn {
  return async (request) => {
    const answer = await send(request);
    const refusal = hostRefusal(answer.header.get(ERROR_HEADER));
    if (refusal !== undefined) throw refusal;
    return answer;
  };
}

function bounded(send: UniversalClientFn): UniversalClientFn {
  return async (request) => {
    const answer = await send(request);
    return answer.status === 200 ? answer : { ...answer, body: whole(answer, MAX_ERROR_BYTES) };
  };
}

function boundedLists(send: UniversalClientFn, output: DescMessage): UniversalClientFn {
  const limited = bounded(send);
  return async (request) => {
    const answer = await limited(request);
    if (answer.status !== 200) return answer;
    const body = whole(answer, MAX_LIST_BYTES, (bytes) => {
      if (hasMoreElements(output, bytes, MAX_ELEMENTS)) throw sentTooMuch();
    });
    return { ...answer, body };
  };
}

async function* whole(
  { body }: UniversalClientResponse,
  limit: number,
  check: (bytes: Buffer) => void = () => {},
): AsyncGenerator<Uint8Array> {
  const bytes = await readBytes(body, limit);
  check(bytes);
  yield bytes;
}
