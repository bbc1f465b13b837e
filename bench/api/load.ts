/** Asks a server the same thing over and over on connections that stay open, at the least cost that a client can have. */
import { connect } from "node:net";

export interface Load {
  /** requests a second */
  readonly rate: number;
  /** milliseconds of each answer */
  readonly times: readonly number[];
}

const HEAD_END = "\r\n\r\n";

/** @param connections each has one request at a time */
export async function load(url: string, headers: string, connections: number, seconds: number): Promise<Load> {
  const { hostname, port, pathname } = new URL(url);
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n${headers}\r\n`;
  const until = performance.now() + seconds * 1000;
  const times: number[] = [];
  const began = performance.now();
  await Promise.all(Array.from({ length: connections }, () => ask(Number(port), hostname, request, until, times)));
  return { rate: times.length / ((performance.now() - began) / 1000), times };
}

function ask(port: number, host: string, request: string, until: number, times: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    let [sent, missing] = [0, 0];
    const send = () => {
      sent = performance.now();
      if (sent < until) socket.write(request);
      else socket.end();
    };
    socket.once("connect", send).once("error", reject).once("close", resolve);
    socket.on("data", (chunk: Buffer) => {
      if (missing === 0) {
        const end = chunk.indexOf(HEAD_END);
        const head = chunk.toString("latin1", 0, end);
        if (end < 0 || !head.startsWith("HTTP/1.1 200")) {
          socket.destroy(new Error(`answered ${head.slice(0, 80)}`));
          return;
        }
        missing = end + HEAD_END.length + Number(/^content-length: (\d+)/im.exec(head)?.[1]);
      }
      missing -= chunk.length;
      if (missing > 0) return;
      times.push(performance.now() - sent);
      send();
    });
  });
}
