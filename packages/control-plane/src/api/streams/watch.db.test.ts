import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Port, PortList } from "@wrenn/protocol/rest/ports";
import type { FileWatchMessage, PortWatchMessage } from "@wrenn/protocol/rest/streams";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TestPlatform } from "../../testing/platform.ts";
import { ENGINES } from "../../testing/postgres.ts";
import { StreamClient } from "../../testing/stream-client.ts";
import { until } from "../../testing/until.ts";

describe.each(ENGINES)("watches on PostgreSQL $name", (engine) => {
  let platform: TestPlatform;
  let id: string;
  let home: string;
  const clients: { close(): void }[] = [];

  beforeAll(async () => {
    platform = await TestPlatform.start(engine);
    ({ id } = await platform.createCapsule());
    home = (await platform.host.guest.agent).root;
  }, 60_000);
  afterAll(() => platform[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await until(() => platform.host.guest.open === 0);
  });

  function open<Message extends { readonly type: string }>(path: string): StreamClient<Message> {
    const client = new StreamClient<Message>(`${platform.url}/v1/capsules/${id}${path}`, platform.key);
    clients.push(client);
    return client;
  }

  describe("files/watch", () => {
    async function watch(path: string, query: Record<string, string> = {}): Promise<StreamClient<FileWatchMessage>> {
      return open<FileWatchMessage>(`/files/watch?${new URLSearchParams({ path, ...query })}`);
    }
    const seen = (client: StreamClient<FileWatchMessage>) =>
      client.messages.flatMap((message) => (message.type === "event" ? [`${message.event} ${message.name}`] : []));

    it("tells what happens in a folder, from started on", async () => {
      const path = join(home, "watched");
      await mkdir(path);
      const client = await watch(path);
      await client.next("started");
      await writeFile(join(path, "a"), "x");
      await rename(join(path, "a"), join(path, "b"));
      await rm(join(path, "b"));
      await until(() => seen(client).includes("remove b"));
      expect(seen(client)).toEqual(expect.arrayContaining(["create a", "write a", "rename a", "create b", "remove b"]));
      expect(client.messages[0]).toEqual({ type: "started" });
      const renamed = client.messages.find((message) => message.type === "event" && message.name === "b");
      expect(renamed).toEqual({ type: "event", event: "create", name: "b", renamed_from: "a" });
      await client.send({ type: "stop" });
      expect(await client.end()).toBe(1000);
    });

    it("watches folders in it only when it is asked to, then also new ones", async () => {
      const path = join(home, "recursive");
      await mkdir(join(path, "old"), { recursive: true });
      const [deep, flat] = [await watch(path, { recursive: "true" }), await watch(path)];
      for (const client of [deep, flat]) await client.next("started");
      await mkdir(join(path, "new"));
      await writeFile(join(path, "new/x"), "x");
      await writeFile(join(path, "old/y"), "y");
      await writeFile(join(path, "end"), "");
      await until(() => seen(deep).includes("create new/x") && seen(deep).includes("create old/y"));
      for (const client of [deep, flat]) await until(() => seen(client).includes("create end"));
      expect(seen(flat).filter((event) => event.includes("/"))).toEqual([]);
    });

    it.each([
      ["nowhere", "not_found"],
      ["/etc/passwd", "invalid_request"],
    ])("says why %s cannot be watched", async (path, code) => {
      const client = await watch(path);
      expect(await client.end()).toBe(1000);
      expect(client.messages).toEqual([expect.objectContaining({ type: "error", code, fatal: true })]);
    });

    it("is refused before the upgrade without a path, or with another yes or no", async () => {
      for (const query of ["", "?path=", "?path=/&recursive=maybe"]) {
        const answer = await platform.request("GET", `/v1/capsules/${id}/files/watch${query}`);
        expect(answer, query).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
      }
    });

    it("says that the capsule broke off", async () => {
      const client = await watch(home);
      await client.next("started");
      platform.host.guest.cut();
      expect(await client.end()).toBe(1000);
      expect(client.messages.at(-1)).toMatchObject({ type: "error", reason: "guest_unreachable", fatal: true });
    });
  });

  describe("ports", () => {
    const listener = (port: number) => ({ port, address: "0.0.0.0", inode: port, v6Only: false });
    const numbers = (ports: readonly Port[] | undefined) => ports?.map(({ port }) => port);

    it("are listed", async () => {
      platform.host.guest.listen(listener(8080), listener(3000));
      const { status, body } = await platform.request<PortList>("GET", `/v1/capsules/${id}/ports`);
      expect(status).toBe(200);
      expect(body.ports).toEqual([
        { port: 3000, address: "0.0.0.0" },
        { port: 8080, address: "0.0.0.0" },
      ]);
    });

    it("are told at first and at every change", async () => {
      platform.host.guest.listen();
      const client = open<PortWatchMessage>("/ports/watch");
      const last = () => {
        const message = client.messages.at(-1);
        return message?.type === "ports" ? numbers(message.ports) : undefined;
      };
      await until(() => last()?.length === 0);
      platform.host.guest.listen(listener(8080));
      await until(() => last()?.join() === "8080");
      platform.host.guest.listen(listener(8080), listener(9000));
      await until(() => last()?.join() === "8080,9000");
      platform.host.guest.listen();
      await until(() => last()?.length === 0);
      await client.send({ type: "stop" });
      expect(await client.end()).toBe(1000);
      expect(client.messages.at(-1)?.type).toBe("ports");
    });

    it.each(["cut", "finish"] as const)(
      "say that nothing more comes when the agent does not go on: %s",
      async (how) => {
        const client = open<PortWatchMessage>("/ports/watch");
        await client.next("ports");
        platform.host.guest[how]();
        expect(await client.end()).toBe(1000);
        expect(client.messages.at(-1)).toMatchObject({ type: "error", reason: "guest_unreachable", fatal: true });
      },
    );
  });
});
