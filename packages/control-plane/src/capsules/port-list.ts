/** Lists of ports as guests send them, which may be hostile. */
import type { Readable } from "node:stream";
import { WrennError } from "@wrenn/protocol/errors";
import { type PortList, portSchema } from "@wrenn/protocol/rest/ports";

/** The agent lists no more ports than this, and takes some 80 bytes for one. */
const MAX_PORTS = 4096;
export const MAX_LIST_BYTES = 512 * 1024;

/** Stops at the first port that is none: what is wrong with each of many would take far more memory than the list. @throws agent_error */
export function parsePortList(text: string): PortList {
  if (text.length > MAX_LIST_BYTES) throw invalidList();
  try {
    const { ports } = Object(JSON.parse(text)) as { ports?: unknown };
    if (!Array.isArray(ports) || ports.length > MAX_PORTS) throw invalidList();
    return { ports: ports.map((port) => portSchema.parse(port)) };
  } catch (cause) {
    throw invalidList(cause);
  }
}

/** One list a line. @throws agent_error, and what the body throws */
export async function* portListsOf(body: Readable): AsyncGenerator<PortList> {
  let rest = "";
  body.setEncoding("utf8");
  for await (const chunk of body as AsyncIterable<string>) {
    // Only what is new is searched: a guest may send a long line byte by byte.
    const lines = chunk.split("\n");
    lines[0] = rest + (lines[0] ?? "");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LIST_BYTES) throw invalidList();
    for (const line of lines) yield parsePortList(line);
  }
}

function invalidList(cause?: unknown): WrennError {
  return new WrennError("agent_error", "the capsule's agent sent what is no list of ports", { cause });
}
