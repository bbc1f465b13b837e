/** Reads bodies from a guest, never more of them than is wanted. */
import { sentTooMuch } from "./guest-errors.ts";

/** @param limit bytes. @throws agent_error past the limit, and what the body throws */
export async function readBytes(body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > limit) throw sentTooMuch();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
