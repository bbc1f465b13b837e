/**
 * The server side of the Connect protocol over HTTP/1.1: unary calls and streams in one direction, JSON and binary. Deadlines
 * are the client's own business: it goes away. Why not connect-node: docs/adr/0005-guest-rpc-server.md.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type {
  DescMessage,
  DescMethod,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { WrennError } from "@wrenn/protocol/errors";
import { readBody } from "../http/body.ts";
import { discardBody } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import { logError } from "../log.ts";
import { type Codec, decodeRequest, selectCodec } from "./codec.ts";
import { decodeSingleMessage, EnvelopeReader } from "./envelope.ts";
import { errorToJson } from "./error-json.ts";
import { ServerStream } from "./server-stream.ts";

const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

export type UnaryHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  headers: IncomingHttpHeaders,
) => MessageInitShape<Output> | Promise<MessageInitShape<Output>>;

/** Answers through the stream, which it must end; what it throws ends the stream too. */
export type ServerStreamingHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  stream: ServerStream<Output>,
  headers: IncomingHttpHeaders,
) => void | Promise<void>;

/** Reads messages as fast as it can use them, and answers when it has what it needs. */
export type ClientStreamingHandler<Input extends DescMessage, Output extends DescMessage> = (
  messages: AsyncIterable<MessageShape<Input>>,
  headers: IncomingHttpHeaders,
) => Promise<MessageInitShape<Output>>;

type Handler<Method> =
  Method extends DescMethodUnary<infer Input, infer Output>
    ? UnaryHandler<Input, Output>
    : Method extends DescMethodServerStreaming<infer Input, infer Output>
      ? ServerStreamingHandler<Input, Output>
      : Method extends DescMethodClientStreaming<infer Input, infer Output>
        ? ClientStreamingHandler<Input, Output>
        : never;

/** The handlers of a service; a method without one answers not_implemented. */
export type Implementation<Service extends DescService> = {
  readonly [Name in keyof Service["method"]]?: Handler<Service["method"][Name]>;
};

/** The routes `POST /{package}.{Service}/{Method}` of a service. */
export function* serviceRoutes<Service extends DescService>(
  service: Service,
  implementation: Implementation<Service>,
): Generator<[route: string, handler: RouteHandler]> {
  for (const method of service.methods) {
    const handler = implementation[method.localName as keyof Service["method"]];
    yield [`POST /${service.typeName}/${method.name}`, methodRoute(method, handler)];
  }
}

function methodRoute(method: DescMethod, handler: unknown): RouteHandler {
  if (method.methodKind === "unary") {
    const unary = handler as UnaryHandler<DescMessage, DescMessage> | undefined;
    return (request, response) => answerUnary(method, unary, request, response);
  }
  if (method.methodKind === "client_streaming") {
    const streaming = handler as ClientStreamingHandler<DescMessage, DescMessage> | undefined;
    return (request, response) => answerClientStream(method, streaming, request, response);
  }
  const streaming = handler as ServerStreamingHandler<DescMessage, DescMessage> | undefined;
  return (request, response) => answerStream(method, streaming, request, response);
}

function notImplemented(method: DescMethod): WrennError {
  return new WrennError("not_implemented", `${method.parent.typeName}/${method.name} is not implemented`);
}

async function answerUnary(
  method: DescMethod,
  handler: UnaryHandler<DescMessage, DescMessage> | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const codec = selectCodec(request.headers["content-type"], "unary");
    if (handler === undefined) throw notImplemented(method);
    const message = decodeRequest(codec, method.input, await readBody(request, MAX_REQUEST_BYTES));
    const answer = codec.encode(method.output, await handler(message, request.headers));
    response.writeHead(200, { "content-type": codec.unaryType, "content-length": answer.length }).end(answer);
  } catch (error) {
    const known = knownError(method, error);
    if (!request.complete) response.setHeader("connection", "close");
    response.writeHead(known.spec.status, { "content-type": "application/json" });
    response.end(JSON.stringify(errorToJson(known)));
  }
}

async function answerStream(
  method: DescMethod,
  handler: ServerStreamingHandler<DescMessage, DescMessage> | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await withStream(method, request, response, async (stream, codec) => {
    if (handler === undefined) throw notImplemented(method);
    const body = await readBody(request, MAX_REQUEST_BYTES);
    await handler(decodeRequest(codec, method.input, decodeSingleMessage(body)), stream, request.headers);
  });
}

async function answerClientStream(
  method: DescMethod,
  handler: ClientStreamingHandler<DescMessage, DescMessage> | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await withStream(method, request, response, async (stream, codec) => {
    if (handler === undefined) throw notImplemented(method);
    stream.finish(await handler(readMessages(request, codec, method.input), request.headers));
  });
}

/** The messages of a request, whose connection stays for the answer when they are not read to their end. */
async function* readMessages(
  request: IncomingMessage,
  codec: Codec,
  input: DescMessage,
): AsyncGenerator<MessageShape<DescMessage>> {
  const reader = new EnvelopeReader(MAX_REQUEST_BYTES);
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    for (const message of reader.read(piece as Buffer)) yield decodeRequest(codec, input, message);
  }
  reader.end();
}

/** Calls `answer` with the stream of the answer, which ends with whatever that throws. */
async function withStream(
  method: DescMethod,
  request: IncomingMessage,
  response: ServerResponse,
  answer: (stream: ServerStream<DescMessage>, codec: Codec) => Promise<void>,
): Promise<void> {
  let codec: Codec;
  try {
    codec = selectCodec(request.headers["content-type"], "stream");
  } catch (error) {
    response.writeHead(knownError(method, error).spec.status, { connection: "close" }).end();
    return;
  }
  const stream = new ServerStream(response, codec, method.output);
  try {
    await answer(stream, codec);
  } catch (error) {
    // The client went away, and with it whoever would read what is wrong.
    if (request.destroyed && !request.complete) return;
    stream.end(knownError(method, error));
    if (!request.complete) discardBody(request);
  }
}

function knownError(method: DescMethod, error: unknown): WrennError {
  if (!(error instanceof WrennError)) logError(`${method.parent.typeName}/${method.name}`, error);
  return WrennError.from(error);
}
