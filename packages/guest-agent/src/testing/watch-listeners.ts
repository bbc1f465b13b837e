/**
 * Program of a root test, to be run in mount and network namespaces of its own: listens on loopback while it watches the kernel's
 * trace, and prints as JSON what the outside got from the port and which ports it was told are closed.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { watchListeners } from "../ports/listener-events.ts";
import { listListeners } from "../ports/listeners.ts";
import { Ports } from "../ports/ports.ts";

const OUTSIDE = "10.9.0.1";
const tracing = mkdtempSync(join(tmpdir(), "tracing-"));
execFileSync("mount", ["-t", "tracefs", "tracefs", tracing]);
for (const words of ["link set lo up", `address add ${OUTSIDE} dev lo`]) execFileSync("ip", words.split(" "));

const bufferKib = /^\d+/.exec(readFileSync(`${tracing}/buffer_size_kb`, "utf8"))?.[0] ?? "";
const closed: number[] = [];
const ports = new Ports({
  list: listListeners,
  watch: (onClosed, onChange) =>
    watchListeners(
      (gone) => {
        closed.push(...gone);
        onClosed(gone);
      },
      onChange,
      tracing,
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

ports.start();
const server = createServer((socket) => socket.end("reached"));
await changed(() => server.listen(0, "127.0.0.1"));
const { port } = server.address() as AddressInfo;
const open = await reach(port);
await changed(() => server.close());
// Other programs of the machine are heard of, too: what changed may have been theirs.
for (let wait = 0; wait < 500 && !closed.includes(port); wait++) await sleep(20);
const report = { open, closed: await reach(port), told: closed.includes(port) };

// Tracing is the whole machine's.
writeFileSync(`${tracing}/events/sock/inet_sock_set_state/enable`, "0");
writeFileSync(`${tracing}/events/sock/inet_sock_set_state/filter`, "0");
writeFileSync(`${tracing}/buffer_size_kb`, bufferKib);
execFileSync("umount", ["--lazy", tracing]);
rmdirSync(tracing);
process.stdout.write(JSON.stringify(report), () => process.kill(process.pid, "SIGKILL"));
