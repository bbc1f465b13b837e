/** Entry of the host agent process. */
import { cpus } from "node:os";
import { WrennError } from "@wrenn/protocol/errors";
import { HOST_QUESTIONS, type JoinRequest } from "@wrenn/runtime/host-questions";
import { runService } from "@wrenn/runtime/service";
import { HostAgent } from "./agent.ts";
import { envToHostConfig } from "./config.ts";
import { createHostContext } from "./context.ts";
import { enrolArguments, enrolOptions } from "./enrol-host.ts";

await runService("host-agent", async () => {
  if (process.getuid?.() !== 0) throw new WrennError("not_root", "the host agent must run as root");
  const config = envToHostConfig(process.env, cpus().length);
  const wanted = enrolArguments(process.env);
  const enrolment = wanted === undefined ? undefined : await enrolOptions(config, wanted);
  const host = await createHostContext(config);
  const deleted = () => void process.kill(process.pid, "SIGTERM");
  const agent = await HostAgent.start(host, { enrolment, deleted });
  const { vmm, version, accelerator } = host.driver.capabilities;
  host.logger.info({ vmm, version, accelerator }, "host agent ready");
  return {
    details: { vmm, vmmVersion: version, accelerator },
    close: () => agent.close(),
    answers: { [HOST_QUESTIONS.join]: (request) => agent.join(request as JoinRequest) },
  };
});
