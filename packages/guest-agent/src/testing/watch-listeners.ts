/**
 * Program of a root test, to be run in a network namespace of its own with the folder of a trace to make: listens on loopback
 * while it watches the trace, and prints as JSON what the outside got from the port and whether it was told that it closed.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { watchListeners } from "../ports/listener-events.ts";
import { listListeners } from "../ports/listeners.ts";
import { Ports } from "../ports/ports.ts";

const OUTSIDE = "10.9.0.1";
for (const words of ["link set lo up", `address add ${OUTSIDE} dev lo`]) execFileSync("ip", words.split(" "));

const closed: number[] = [];
const ports = new Ports({
  list: listListeners,
  watch: (onClosed, onChange) =>
    watchListeners(
      OUTSIDE,
      (gone) => {
        closed.push(...gone);
        onClosed(gone);
      },
      onChange,
      process.argv[2],
    ),
  address: OUTSIDE,
  hostAddress: OUTSIDE,
});

async function changed(action: () => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = ports.watch(resolve);
  action();
  await promise;
  stop();
}

async function reach(port: number): Promise<string> {
  const socket = connect({ host: OUTSIDE, port, localAddress: OUTSIDE });
  return text(socket).catch((error: NodeJS.ErrnoException) => error.code ?? "");
}

/** Other programs of the machine are heard of, too: what changed may have been theirs. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let wait = 0; wait < 500 && !(await condition()); wait++) await sleep(20);
}

ports.start();
const server = createServer((socket) => socket.end("reached"));
await changed(() => server.listen(0, "127.0.0.1"));
const { port } = server.address() as AddressInfo;
const open = await reach(port);

server.close();
await once(server, "close");
server.listen(port, "127.0.0.1");
await until(() => closed.includes(port));
await until(async () => (await reach(port)) === "reached");
const openAgain = new Set<string>();
for (let time = 0; time < 30; time++) {
  openAgain.add(await reach(port));
  await sleep(10);
}

closed.length = 0;
await changed(() => server.close());
await until(() => closed.includes(port));
const report = { open, openAgain: [...openAgain], closed: await reach(port), told: closed.includes(port) };
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.kill(process.pid, "SIGKILL"));
