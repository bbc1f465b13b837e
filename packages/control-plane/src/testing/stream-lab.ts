/** A platform with one capsule, and streams of its processes. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProcessList } from "@wrenn/protocol/rest/processes";
import type { ProcessServerMessage } from "@wrenn/protocol/rest/streams";
import { TestPlatform } from "./platform.ts";
import type { Engine } from "./postgres.ts";
import { StreamClient } from "./stream-client.ts";
import { until } from "./until.ts";

export class StreamLab<Message extends { readonly type: string } = ProcessServerMessage> implements AsyncDisposable {
  readonly platform: TestPlatform;
  readonly id: string;
  /** an empty folder for what processes and tests tell each other */
  readonly dir: string;
  readonly #clients: StreamClient<Message>[] = [];

  private constructor(platform: TestPlatform, id: string, dir: string) {
    this.platform = platform;
    this.id = id;
    this.dir = dir;
  }

  static async start<Message extends { readonly type: string } = ProcessServerMessage>(
    engine: Engine,
  ): Promise<StreamLab<Message>> {
    const platform = await TestPlatform.start(engine);
    const { id } = await platform.createCapsule();
    return new StreamLab(platform, id, await mkdtemp(join(tmpdir(), "wrenn-stream-")));
  }

  /** @param path after the capsule's, e.g. `/pty` */
  open(path: string, key: string | undefined = this.platform.key, url = this.platform.url): StreamClient<Message> {
    const client = new StreamClient<Message>(`${url}/v1/capsules/${this.id}${path}`, key);
    this.#clients.push(client);
    return client;
  }

  async shell(script: string, rest: object = {}): Promise<StreamClient<Message>> {
    const client = this.open("/exec/stream");
    await client.send({ type: "start", cmd: "sh", args: ["-c", script], ...rest });
    return client;
  }

  async processes(): Promise<ProcessList["processes"]> {
    return (await this.platform.request<ProcessList>("GET", `/v1/capsules/${this.id}/processes`)).body.processes;
  }

  /** Ends what a test has left. */
  async clear(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    for (const { pid } of await this.processes()) {
      await this.platform.request("DELETE", `/v1/capsules/${this.id}/processes/${pid}`);
    }
    await until(async () => (await this.processes()).length === 0);
    await until(() => this.platform.host.guest.open === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true });
  }
}
