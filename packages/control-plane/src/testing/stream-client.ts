/** A client of a WebSocket that remembers what it was told. */
import { until } from "./until.ts";

export class StreamClient<Message extends { readonly type: string } = { readonly type: string }> {
  readonly messages: Message[] = [];
  /** the code that it was closed with */
  closed: number | undefined;
  readonly socket: WebSocket;

  /** @param key sent as a header; undefined is none */
  constructor(url: string, key?: string) {
    const headers = key === undefined ? {} : { "x-api-key": key };
    this.socket = new WebSocket(url.replace(/^http/, "ws"), { headers });
    this.socket.addEventListener("message", ({ data }) => this.messages.push(JSON.parse(String(data)) as Message));
    this.socket.addEventListener("close", ({ code }) => (this.closed = code));
    this.socket.addEventListener("error", () => {});
  }

  /** Open, or closed already. */
  async opened(): Promise<this> {
    await until(() => this.socket.readyState !== WebSocket.CONNECTING);
    return this;
  }

  async send(...messages: (object | string)[]): Promise<void> {
    await this.opened();
    for (const message of messages) this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** The first message of the type, when it is here. */
  next<Type extends Message["type"]>(type: Type): Promise<Extract<Message, { type: Type }>> {
    return until(() => this.messages.find((message) => message.type === type) as never);
  }

  /** Everything of one type, joined. */
  text(type: string, encoding: BufferEncoding = "utf8"): string {
    const pieces = this.messages.flatMap((message) =>
      message.type === type && "data" in message ? [message.data] : [],
    );
    return pieces.map((piece) => Buffer.from(String(piece), encoding).toString("latin1")).join("");
  }

  /** The close code, when the server has closed it. */
  async end(): Promise<number> {
    await until(() => this.closed !== undefined);
    return this.closed ?? 0;
  }

  close(): void {
    this.socket.close();
  }
}
