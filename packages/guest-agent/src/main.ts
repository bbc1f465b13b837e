/** The agent's program: `node agent.mjs [--port N] [--host ADDRESS] [--gateway ADDRESS] [--root FOLDER]`, started as root by the machine's init. */
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { GUEST_GATEWAY, GUEST_PORT } from "@wrenn/protocol/guest-http";
import { createAgent } from "./agent.ts";
import { logError } from "./log.ts";
import { createAgentServer } from "./server.ts";
import { protectAgent } from "./system/protection.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: String(GUEST_PORT) },
    host: { type: "string", default: "0.0.0.0" },
    gateway: { type: "string", default: GUEST_GATEWAY },
    // Where the agent finds and keeps what it knows of the machine: a test has one of its own.
    root: { type: "string", default: "/" },
  },
});

// A fault in one request must not take the machine's only door away.
process.on("uncaughtException", (error) => logError("uncaught", error));
process.umask(0o022);
protectAgent();

const agent = createAgent({ hostAddress: values.gateway, root: values.root });
const server = createAgentServer(agent);
server.once("error", (error) => {
  logError("listen", error);
  process.exit(1);
});
server.listen(Number(values.port), values.host, () => {
  const { address, port } = server.address() as AddressInfo;
  agent.ports.start();
  process.stdout.write(`listening on ${address}:${port}\n`);
});
