/** The three requests that a host sends to its control plane. */
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { text as readText } from "node:stream/consumers";
import { isErrorCode, WrennError } from "@wrenn/protocol/errors";
import { errorEnvelopeSchema } from "@wrenn/protocol/rest/common";
import {
  type Heartbeat,
  type HostCredentials,
  hostCredentialsSchema,
  type RefreshHost,
  type RegisterHost,
} from "@wrenn/protocol/rest/hosts";

const TIMEOUT_MS = { register: 30_000, refresh: 15_000, heartbeat: 10_000 } as const;

/** @throws what the control plane answered; connection_lost when it gave no answer that is one of its own */
export async function register(url: string, body: RegisterHost): Promise<HostCredentials> {
  return hostCredentialsSchema.parse(await post(`${url}/v1/hosts/register`, body, {}, TIMEOUT_MS.register));
}

/** @throws as `register` does */
export async function refresh(url: string, body: RefreshHost): Promise<HostCredentials> {
  return hostCredentialsSchema.parse(await post(`${url}/v1/hosts/auth/refresh`, body, {}, TIMEOUT_MS.refresh));
}

/** @throws as `register` does; not_found when the host was deleted */
export async function heartbeat(url: string, hostId: string, token: string, body: Heartbeat): Promise<void> {
  await post(`${url}/v1/hosts/${hostId}/heartbeat`, body, { "x-host-token": token }, TIMEOUT_MS.heartbeat);
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

async function post(url: string, body: unknown, headers: Record<string, string>, timeoutMs: number): Promise<unknown> {
  const { origin } = new URL(url);
  const { status, text } = await send(url, JSON.stringify(body), headers, timeoutMs).catch((cause: unknown) => {
    throw new WrennError("connection_lost", `${origin} does not answer`, { cause });
  });
  if (status >= 200 && status < 300) return text === "" ? undefined : JSON.parse(text);
  const { data } = errorEnvelopeSchema.safeParse(parseJson(text));
  // What stands between, a proxy for instance, must not be taken for the control plane.
  if (data === undefined || !isErrorCode(data.error.code)) {
    throw new WrennError("connection_lost", `${origin} answered ${status}, and not as a control plane does`);
  }
  throw new WrennError(data.error.code, data.error.message);
}

/** Not by `fetch`, whose library takes megabytes that a host agent needs for nothing else. Follows no redirect. */
async function send(url: string, body: string, headers: Record<string, string>, timeoutMs: number): Promise<Reply> {
  const request = (url.startsWith("https:") ? https : http).request(url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", "content-length": Buffer.byteLength(body) },
    signal: AbortSignal.timeout(timeoutMs),
    agent: false,
  });
  const answered = once(request, "response") as Promise<[http.IncomingMessage]>;
  request.end(body);
  const [answer] = await answered;
  return { status: answer.statusCode ?? 0, text: await readText(answer) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
