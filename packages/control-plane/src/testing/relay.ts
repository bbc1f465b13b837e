/** A TCP connection in the middle that a test can hold up: what makes an ordinary client a slow one. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class Relay implements AsyncDisposable {
  readonly port: number;
  /** bytes that came from the server */
  passed = 0;
  readonly #server: Server;
  readonly #upstreams = new Set<Socket>();
  #held = false;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#join(client, connect(target, "127.0.0.1")));
  }

  static async start(target: number): Promise<Relay> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Relay(server, target);
  }

  /** Nothing of what the server sends is read. */
  hold(): void {
    this.#held = true;
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
