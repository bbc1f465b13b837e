/** What channels send to in tests: an HTTP server on loopback that keeps what it gets. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer = number | ((response: ServerResponse) => void);

export class Receiver implements AsyncDisposable {
  readonly requests: Received[] = [];
  /** a status, or what is done instead of an answer */
  answer: Answer = 204;
  readonly #server = createServer((request, response) => void this.#receive(request, response));

  static async listen(answer: Answer = 204): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.answer = answer;
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  get bodies(): Record<string, unknown>[] {
    return this.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    this.requests.push({ method: request.method, path: request.url, headers: request.headers, body });
    if (typeof this.answer === "number") response.writeHead(this.answer).end();
    else this.answer(response);
  }
}
