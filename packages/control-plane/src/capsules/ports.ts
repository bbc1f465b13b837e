/** Ports that programs of a capsule listen on. */
import type { IncomingMessage } from "node:http";
import { WrennError } from "@wrenn/protocol/errors";
import { type PortList, portListSchema } from "@wrenn/protocol/rest/ports";
import { readText } from "../hosts/guest-client.ts";
import { connectionBroke, guestError } from "../hosts/guest-errors.ts";
import type { CapsuleDeps } from "./deps.ts";
import { type GuestCall, withGuest } from "./guest.ts";

/** Bytes of one list: all 65 535 ports would be some 6 MB. */
const MAX_LIST_BYTES = 8 * 1024 * 1024;

export function listPorts(deps: CapsuleDeps, call: GuestCall): Promise<PortList> {
  return withGuest(deps, call, async (guest) => {
    const answer = await guest.request({ method: "GET", path: "/ports", signal: call.signal });
    return parseList(await readText(answer, MAX_LIST_BYTES));
  });
}

/** The ports now and after every change, until the call's signal aborts. @throws what withGuest throws, guest_unreachable when it breaks */
export async function* watchPorts(deps: CapsuleDeps, call: GuestCall): AsyncGenerator<PortList> {
  const answer = await withGuest(deps, call, (guest) =>
    guest.request({ method: "GET", path: "/ports/watch", signal: call.signal }),
  );
  try {
    for await (const line of linesOf(answer)) yield parseList(line);
  } catch (error) {
    throw guestError(error);
  } finally {
    answer.destroy();
  }
  throw connectionBroke();
}

async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  answer.setEncoding("utf8");
  for await (const chunk of answer as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LIST_BYTES) throw invalidList();
    yield* lines;
  }
}

function parseList(text: string): PortList {
  try {
    return portListSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw invalidList(cause);
  }
}

function invalidList(cause?: unknown): WrennError {
  return new WrennError("agent_error", "the capsule's agent sent what is no list of ports", { cause });
}
