/** The variables of a process: the machine's, then the agent's defaults, then the request's. */
import { WrennError } from "@wrenn/protocol/errors";
import type { Settings } from "../settings.ts";
import type { User } from "../system/users.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Programs that are told no language take all that is not ASCII for broken; this one needs no file of the image. */
const DEFAULT_LANG = "C.UTF-8";

export function buildEnvironment(
  user: User,
  settings: Settings,
  requested: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: DEFAULT_PATH,
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: user.shell,
    LANG: DEFAULT_LANG,
    WRENN_SANDBOX: "true",
    WRENN_SANDBOX_ID: settings.sandboxId,
    WRENN_TEMPLATE_ID: settings.templateId,
    ...settings.envVars,
    ...requested,
  };
}

/** @throws invalid_request for a name or value that no process can be given */
export function checkVariables(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (name === "" || /[=\0]/.test(name) || value.includes("\0")) {
      throw new WrennError("invalid_request", `invalid environment variable ${JSON.stringify(name)}`);
    }
  }
}
