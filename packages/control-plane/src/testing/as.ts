/** Requests of a signed-in user. */
import type { Answer, Failure, TestPlatform, TestUser } from "./platform.ts";

export function as<Body = unknown>(
  platform: TestPlatform,
  { headers }: Pick<TestUser, "headers">,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer<Body & Failure>> {
  return platform.request<Body & Failure>(method, path, {
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
