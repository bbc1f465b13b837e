/** Reading request bodies into memory, never more of them than the caller allows. */
import type { IncomingMessage } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";

/** The whole body. @throws too_large past `maxBytes`, invalid_request when the client goes away before its end */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      request.removeAllListeners("data").resume();
      reject(new WrennError("too_large", `the request body is larger than ${maxBytes} bytes`));
    });
    request.once("end", () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size)));
    request.once("close", () => {
      if (!request.complete) reject(new WrennError("invalid_request", "the request body ended early"));
    });
  });
}

/** The body as JSON. @throws invalid_request when it is not JSON, too_large past `maxBytes` */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const body = await readBody(request, maxBytes);
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new WrennError("invalid_request", "the request body is not JSON", { cause: error });
  }
}
