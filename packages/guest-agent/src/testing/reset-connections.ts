/**
 * Program of a root test, to be run in a network namespace of its own: makes connections of all kinds, resets those to other
 * machines, and prints as JSON what the programs at their ends saw.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { resetConnections } from "../system/connections.ts";

/** What stands for this machine's and another one's address; both ends of a connection between them are reset. */
const HERE = "10.9.0.1";
const THERE = "10.9.0.2";
const HERE6 = "fd00::1";
const THERE6 = "fd00::2";

execFileSync("ip", ["link", "set", "lo", "up"]);
for (const address of [HERE, THERE]) execFileSync("ip", ["address", "add", address, "dev", "lo"]);
for (const address of [HERE6, THERE6]) execFileSync("ip", ["address", "add", address, "dev", "lo", "nodad"]);

/** Sends back what it is sent, and never closes first. */
async function listen(address: string): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => socket.write(bytes));
  });
  server.listen(0, address);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function open(localAddress: string, host: string, port: number, localPort = 0): Promise<Socket> {
  const socket = connect({ host, localAddress, port, localPort, allowHalfOpen: true });
  await once(socket, "connect");
  await echo(socket);
  return socket;
}

async function echo(socket: Socket): Promise<string> {
  socket.write("still here");
  const [bytes] = await once(socket, "data");
  return String(bytes);
}

async function failure(socket: Socket): Promise<string> {
  const [error] = await once(socket, "error");
  return (error as NodeJS.ErrnoException).code ?? "";
}

const port = await listen("::");
const ipv4 = await open(HERE, THERE, port);
const ipv6 = await open(HERE6, THERE6, port);
const halfClosed = await open(HERE, THERE, port);
halfClosed.end();
const loopback = await open("127.0.0.1", "127.0.0.1", port);
const ownAddress = await open(HERE, HERE, port);
const agentPort = await listen(THERE);
// Both ends have the port that stays: one end alone would be reset by the other.
const toAgent = await open(HERE, THERE, agentPort, agentPort);

const failures = Promise.all([ipv4, ipv6, halfClosed].map(failure));
resetConnections(agentPort);
const [sawIpv4, sawIpv6, sawHalfClosed] = await failures;
const seen = {
  ipv4: sawIpv4,
  ipv6: sawIpv6,
  halfClosed: sawHalfClosed,
  loopback: await echo(loopback),
  ownAddress: await echo(ownAddress),
  toAgent: await echo(toAgent),
  newConnection: await echo(await open(HERE, THERE, port)),
};
process.stdout.write(JSON.stringify(seen));
process.exit();
