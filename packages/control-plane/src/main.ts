/** Entry of the control plane process. */
import { HOST_QUESTIONS } from "@wrenn/runtime/host-questions";
import { createLogger } from "@wrenn/runtime/logger";
import { runService } from "@wrenn/runtime/service";
import { envToConfig, readEnv } from "./config.ts";
import { startControlPlane } from "./control-plane.ts";
import { fromDatabaseError } from "./db/errors.ts";

/** How long a host that has just enrolled may take to be reached. */
const ONLINE_MS = 5_000;

await runService("control-plane", async () => {
  try {
    const config = envToConfig(readEnv(process.env));
    const controlPlane = await startControlPlane(config, createLogger("control-plane", config.logLevel));
    const { url, localHost } = controlPlane;
    return {
      details: { url },
      close: () => controlPlane.close(),
      answers: {
        [HOST_QUESTIONS.token]: async () => localHost?.token(),
        [HOST_QUESTIONS.online]: async () => localHost?.online(ONLINE_MS),
      },
    };
  } catch (error) {
    throw fromDatabaseError(error);
  }
});
