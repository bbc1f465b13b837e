/** Entry of the control plane process. */
import { createLogger } from "@wrenn/runtime/logger";
import { runService } from "@wrenn/runtime/service";
import { envToConfig, readEnv } from "./config.ts";
import { startControlPlane } from "./control-plane.ts";
import { fromDatabaseError } from "./db/errors.ts";

await runService("control-plane", async () => {
  try {
    const config = envToConfig(readEnv(process.env));
    const controlPlane = await startControlPlane(config, createLogger("control-plane", config.logLevel));
    return { details: { url: controlPlane.url }, close: () => controlPlane.close() };
  } catch (error) {
    throw fromDatabaseError(error);
  }
});
