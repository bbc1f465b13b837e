/** The answer of a server-streaming call: messages, then one end. Tells its writer when the client is slow or gone. */
import type { ServerResponse } from "node:http";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { WrennError } from "@wrenn/protocol/errors";
import type { Codec } from "./codec.ts";
import { encodeEnd, encodeMessage } from "./envelope.ts";
import { errorToJson } from "./error-json.ts";

export class ServerStream<Output extends DescMessage> {
  readonly #response: ServerResponse;
  readonly #codec: Codec;
  readonly #output: Output;

  constructor(response: ServerResponse, codec: Codec, output: Output) {
    this.#response = response;
    this.#codec = codec;
    this.#output = output;
    response.setHeader("content-type", codec.streamType);
  }

  /** Sends a message; its bytes are copied. False when the client is behind: wait for `onDrain` before the next. */
  send(message: MessageInitShape<Output>): boolean {
    return this.#response.write(encodeMessage(this.#codec.encode(this.#output, message)));
  }

  /** Sends the last message and the end of the call as one write. */
  finish(message: MessageInitShape<Output>): void {
    const last = encodeMessage(this.#codec.encode(this.#output, message));
    this.#response.end(Buffer.concat([last, encodeEnd()]));
  }

  /** Ends the call; a second end has no effect. */
  end(error?: WrennError): void {
    if (this.#response.writableEnded) return;
    this.#response.end(encodeEnd(error && errorToJson(error)));
  }

  /** Calls back each time the client has caught up. */
  onDrain(callback: () => void): void {
    this.#response.on("drain", callback);
  }

  /** Calls back once, when the answer is over or the client went away. */
  onClose(callback: () => void): void {
    if (this.#response.closed) callback();
    else this.#response.once("close", callback);
  }
}
