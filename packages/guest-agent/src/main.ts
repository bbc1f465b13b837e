/** The agent's program: `node agent.mjs [--port N] [--host ADDRESS]`, started as root by the machine's init. */
import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { GUEST_PORT } from "@wrenn/protocol/guest-http";
import { createAgent } from "./agent.ts";
import { logError } from "./log.ts";
import { createAgentServer } from "./server.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: String(GUEST_PORT) },
    host: { type: "string", default: "0.0.0.0" },
  },
});

// A fault in one request must not take the machine's only door away.
process.on("uncaughtException", (error) => logError("uncaught", error));
process.umask(0o022);
try {
  writeFileSync("/proc/self/oom_score_adj", "-900");
} catch {
  // A container without the right to do so: the agent is then killed like any other process.
}

const server = createAgentServer(createAgent());
server.once("error", (error) => {
  logError("listen", error);
  process.exit(1);
});
server.listen(Number(values.port), values.host, () => {
  const { address, port } = server.address() as AddressInfo;
  process.stdout.write(`listening on ${address}:${port}\n`);
});
