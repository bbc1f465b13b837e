/** Sends one HTTP request to a receiver that a user has chosen. It trusts neither the address, nor the name, nor the answer. */
import * as http from "node:http";
import * as https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { WrennError } from "@wrenn/protocol/errors";
import { lookupFor } from "../names.ts";
import { AllowedAddresses } from "./addresses.ts";

export interface Outgoing {
  readonly method: "POST" | "PUT";
  /** http or https; it may hold secrets, so it is in no message */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface OutboundOptions {
  readonly timeoutMs?: number;
  /** those of the system when absent */
  readonly nameServers?: readonly string[];
}

const TIMEOUT_MS = 10_000;

const NOT_ALLOWED = "the receiver is not on the public internet; WRENN_WEBHOOK_ALLOW can allow its address";

class NotAllowed extends Error {}

export class Outbound {
  readonly #addresses: AllowedAddresses;
  readonly #timeoutMs: number;
  readonly #lookup: LookupFunction;

  /** @param allow CIDR blocks that may be sent to although they are not public */
  constructor(allow: readonly string[], { timeoutMs = TIMEOUT_MS, nameServers }: OutboundOptions = {}) {
    this.#addresses = new AllowedAddresses(allow);
    this.#timeoutMs = timeoutMs;
    this.#lookup = lookupFor({
      isAllowed: (address) => this.#addresses.has(address),
      refusal: () => new NotAllowed(),
      servers: nameServers,
    });
  }

  /** Resolves when the receiver has answered 2xx in time; a redirect is a failure. @throws delivery_failed */
  async send(outgoing: Outgoing, signal?: AbortSignal): Promise<void> {
    const time = AbortSignal.timeout(this.#timeoutMs);
    let status: number;
    try {
      status = await this.#request(outgoing, signal === undefined ? time : AbortSignal.any([time, signal]));
    } catch (cause) {
      const reason = time.aborted ? `no answer within ${this.#timeoutMs / 1000} s` : reasonOf(cause);
      throw new WrennError("delivery_failed", reason);
    }
    if (status < 200 || status > 299) throw new WrennError("delivery_failed", `the receiver answered ${status}`);
  }

  #request({ method, url, headers, body }: Outgoing, signal: AbortSignal): Promise<number> {
    const target = new URL(url);
    // Node asks for no look-up of what is an address already.
    const host = target.hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) !== 0 && !this.#addresses.has(host)) throw new NotAllowed();
    const { request } = target.protocol === "https:" ? https : http;
    return new Promise((answered, failed) => {
      const options = { method, agent: false, lookup: this.#lookup, signal } as const;
      const outgoing = request(target, {
        ...options,
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
      });
      outgoing.on("error", failed);
      outgoing.on("response", (response) => {
        answered(response.statusCode ?? 0);
        // Nobody reads what else it says, however much it is.
        response.destroy();
      });
      outgoing.end(body);
    });
  }
}

/** Never the text of a foreign error: it may name the URL. */
function reasonOf(error: unknown): string {
  if (error instanceof NotAllowed) return NOT_ALLOWED;
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  const { code } = error as { code?: unknown };
  return `the receiver cannot be reached${typeof code === "string" ? ` (${code})` : ""}`;
}
