/** Sends the request of a route's case. */
import type { Answer, Failure, TestPlatform } from "./platform.ts";
import type { Target } from "./route-cases.ts";
import type { DeclaredRoute } from "./route-table.ts";

/** @param headers who sends it; {} is nobody */
export async function sendCase(
  platform: TestPlatform,
  { method, url }: Pick<DeclaredRoute, "method" | "url">,
  { path = {}, query = {}, body }: Target,
  headers: Readonly<Record<string, string>>,
): Promise<Answer<Failure & { id?: string; name?: string; key?: string; secret?: string; host?: { id: string } }>> {
  const filled = url.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(path[name] ?? ""));
  const raw = body instanceof FormData || body instanceof Blob;
  const type = body instanceof Blob ? "application/octet-stream" : "application/json";
  const response = await fetch(`${platform.url}${filled}?${new URLSearchParams(query)}`, {
    method,
    headers: { ...headers, ...(body === undefined || body instanceof FormData ? {} : { "content-type": type }) },
    ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : {} };
}
