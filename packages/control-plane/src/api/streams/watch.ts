/** Streams that only tell what happens, until the client stops them. */
import { watchClientMessage } from "@wrenn/protocol/rest/streams";
import type { GuestCall } from "../../capsules/guest.ts";
import type { ClientSocket } from "./socket.ts";

/** @param events of the call it gets, whose signal aborts when the client has had enough */
export async function followEvents(
  client: ClientSocket,
  call: GuestCall,
  events: (call: GuestCall) => AsyncIterable<object>,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([call.signal, stop.signal]);
  try {
    await Promise.race([sendAll(client, events({ ...call, signal })), stopped(client)]);
  } finally {
    stop.abort();
  }
}

async function sendAll(client: ClientSocket, events: AsyncIterable<object>): Promise<void> {
  for await (const event of events) await client.send(event);
}

async function stopped(client: ClientSocket): Promise<void> {
  for await (const { type } of client.messages(watchClientMessage)) if (type === "stop") return;
}
