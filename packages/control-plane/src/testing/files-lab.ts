/** A platform with one capsule whose files are on this machine, and requests for them that `TestPlatform.request` cannot make. */
import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { TestPlatform } from "./platform.ts";
import type { Engine } from "./postgres.ts";

export interface FilesLab {
  readonly platform: TestPlatform;
  readonly id: string;
  /** the home of root in the capsule */
  readonly home: string;
}

export async function startFilesLab(engine: Engine): Promise<FilesLab> {
  const platform = await TestPlatform.start(engine);
  const { id } = await platform.createCapsule();
  return { platform, id, home: (await platform.host.guest.agent).root };
}

/** What `action`, a path of the API, answers for the file, as bytes. */
export function readBytes(platform: TestPlatform, action: string, path: string): Promise<Response> {
  return fetch(platform.url + action, {
    method: "POST",
    body: JSON.stringify({ path }),
    headers: { "x-api-key": platform.key, "content-type": "application/json" },
  });
}

export async function answerOf(call: ClientRequest): Promise<{ status: number | undefined; body: unknown }> {
  const [answer] = (await once(call, "response")) as [IncomingMessage];
  const text = (await buffer(answer)).toString();
  return { status: answer.statusCode, body: text === "" ? undefined : JSON.parse(text) };
}
