/** The three requests that a host sends to its control plane. */
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

async function post(url: string, body: unknown, headers: Record<string, string>, timeoutMs: number): Promise<unknown> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await answer.text();
  } catch (cause) {
    throw new WrennError("connection_lost", `${new URL(url).origin} does not answer`, { cause });
  }
  if (answer.ok) return text === "" ? undefined : JSON.parse(text);
  const { data } = errorEnvelopeSchema.safeParse(parseJson(text));
  // What stands between, a proxy for instance, must not be taken for the control plane.
  if (data === undefined || !isErrorCode(data.error.code)) {
    throw new WrennError(
      "connection_lost",
      `${new URL(url).origin} answered ${answer.status}, and not as a control plane does`,
    );
  }
  throw new WrennError(data.error.code, data.error.message);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
