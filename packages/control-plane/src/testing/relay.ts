/** A TCP connection in the middle that a test can hold up: what makes an ordinary client a slow one. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";

export class Relay implements AsyncDisposable {
  readonly port: number;
  /** bytes that came from the server */
  passed = 0;
  readonly #server: Server;
  readonly #upstreams = new Set<Socket>();
  #held = false;

  private constructor(server: Server, target: NetConnectOpts) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#join(client, connect(target)));
  }

  /** @param target a port of this machine, or what else can be connected to */
  static async start(target: number | NetConnectOpts): Promise<Relay> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Relay(server, typeof target === "number" ? { port: target, host: "127.0.0.1" } : target);
  }

  /** Nothing of what the server sends is read. */
  hold(): void {
    this.#held = true;
    for (const upstream of this.#upstreams) upstream.pause();
  }

  /** The same for the connections of now only: new ones are as ever. */
  holdOpen(): void {
    for (const upstream of this.#upstreams) upstream.pause();
  }

  release(): void {
    this.#held = false;
    for (const upstream of this.#upstreams) upstream.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const upstream of this.#upstreams) upstream.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, upstream: Socket): void {
    this.#upstreams.add(upstream);
    upstream.on("data", (chunk) => {
      this.passed += chunk.length;
      client.write(chunk);
    });
    if (this.#held) upstream.pause();
    client.pipe(upstream);
    upstream.once("end", () => client.end());
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on("error", () => {});
      socket.once("close", () => {
        this.#upstreams.delete(upstream);
        other.destroy();
      });
    }
  }
}
