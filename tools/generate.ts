/** Generates code from the protobuf files. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

execFileSync("buf", ["generate"], {
  cwd: fileURLToPath(new URL("../packages/protocol", import.meta.url)),
  stdio: "inherit",
});
